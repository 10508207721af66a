//! Statements given as text that stay prepared. Diesel prepares updates, and whatever is given to
//! it as text, anew each time.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable};
use diesel::sqlite::Sqlite;

#[cfg(feature = "postgres")]
pub(crate) use self::arrays::{Among, Value};

/// A value of a statement for this database.
pub(crate) trait Bind<DB: Backend> {
    fn bind<'b>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

/// A number that may be missing. SQLite has one type for all of them.
impl Bind<Sqlite> for Option<i64> {
    fn bind<'b>(&'b self, out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_bind_param::<Nullable<BigInt>, _>(self)
    }
}

/// A statement with a `?` for each value. Returns rows of the type `Row`.
#[derive(Debug)]
pub(crate) struct Prepared<V, Row = ()> {
    sql: &'static str,
    values: Vec<V>,
    row: PhantomData<Row>,
}

impl<V, Row> Prepared<V, Row> {
    pub(crate) fn new(sql: &'static str, values: impl Into<Vec<V>>) -> Self {
        Self { sql, values: values.into(), row: PhantomData }
    }
}

impl<DB: Backend, V: Bind<DB>, Row> QueryFragment<DB> for Prepared<V, Row> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let mut values = self.values.iter();
        for (place, part) in self.sql.split('?').enumerate() {
            if place > 0
                && let Some(value) = values.next()
            {
                value.bind(&mut out)?;
            }
            out.push_sql(part);
        }
        Ok(())
    }
}

impl<V, Row> QueryId for Prepared<V, Row> {
    type QueryId = ();

    /// The text is.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<V, Row> Query for Prepared<V, Row> {
    type SqlType = Row;
}

impl<C, V, Row> RunQueryDsl<C> for Prepared<V, Row> {}

#[cfg(feature = "postgres")]
mod arrays {
    //! Arrays, for PostgreSQL: how many values there are is no part of a statement.

    use diesel::expression::{AppearsOnTable, ValidGrouping, is_aggregate};
    use diesel::pg::Pg;
    use diesel::prelude::*;
    use diesel::query_builder::{AstPass, QueryFragment, QueryId};
    use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, SmallInt, Text};

    use super::Bind;

    /// A value of a statement.
    #[derive(Debug, Clone)]
    pub(crate) enum Value<'a> {
        /// A number.
        Number(i64),
        /// Numbers.
        Numbers(Vec<i64>),
        /// Numbers that may be missing.
        Perhaps(Vec<Option<i64>>),
        /// Small numbers.
        Small(Vec<i16>),
        /// Yes or no.
        Flags(Vec<bool>),
        /// Bytes.
        Bytes(Vec<&'a [u8]>),
        /// Texts that may be missing.
        PerhapsTexts(Vec<Option<&'a str>>),
    }

    impl Bind<Pg> for Value<'_> {
        fn bind<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
            match self {
                Self::Number(value) => out.push_bind_param::<BigInt, _>(value),
                Self::Numbers(values) => out.push_bind_param::<Array<BigInt>, _>(values),
                Self::Perhaps(values) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(values),
                Self::Small(values) => out.push_bind_param::<Array<SmallInt>, _>(values),
                Self::Flags(values) => out.push_bind_param::<Array<Bool>, _>(values),
                Self::Bytes(values) => out.push_bind_param::<Array<Binary>, _>(values),
                Self::PerhapsTexts(values) => out.push_bind_param::<Array<Nullable<Text>>, _>(values),
            }
        }
    }

    /// Whether the columns together are one of many keys, each of which has a part in each array.
    #[derive(Debug)]
    pub(crate) struct Among<'a> {
        columns: &'static str,
        parts: Vec<Vec<&'a [u8]>>,
    }

    impl<'a> Among<'a> {
        /// `columns` as in SQL, with commas and in parentheses.
        pub(crate) fn new<const N: usize>(
            columns: &'static str,
            keys: impl IntoIterator<Item = [&'a [u8]; N]>,
        ) -> Self {
            let mut parts = vec![Vec::new(); N];
            for key in keys {
                parts.iter_mut().zip(key).for_each(|(part, bytes)| part.push(bytes));
            }
            Self { columns, parts }
        }
    }

    impl QueryFragment<Pg> for Among<'_> {
        fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
            out.push_sql(self.columns);
            out.push_sql(" IN (SELECT * FROM unnest(");
            for (place, part) in self.parts.iter().enumerate() {
                if place > 0 {
                    out.push_sql(", ");
                }
                out.push_bind_param::<Array<Binary>, _>(part)?;
            }
            out.push_sql("))");
            Ok(())
        }
    }

    impl QueryId for Among<'_> {
        type QueryId = ();

        const HAS_STATIC_QUERY_ID: bool = false;
    }

    impl Expression for Among<'_> {
        type SqlType = Bool;
    }

    impl<Table> AppearsOnTable<Table> for Among<'_> {}

    impl<GroupBy> ValidGrouping<GroupBy> for Among<'_> {
        type IsAggregate = is_aggregate::Never;
    }
}
