//! Lists, a page at a time.

use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{admin::problem::Problem, query};

/// Items on a page if the request does not say.
const USUAL: u32 = 50;
/// The most items on a page.
const MOST: u32 = 200;

/// A page of a list
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// Items on this page
    items: Vec<T>,
    /// Pass this as `cursor` to get the next page; `null` on the last page
    #[schema(required)]
    next: Option<String>,
}

/// Which page
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// The `next` of the previous page
    #[param(value_type = Option<i64>, minimum = 0)]
    #[serde(default, deserialize_with = "query::optional")]
    pub(super) cursor: Option<Place>,
    /// Maximum number of items
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, deserialize_with = "query::optional")]
    pub(super) limit: Option<u32>,
}

/// A place in a list
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Place(i64);

impl TryFrom<i64> for Place {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        if number < 0 { Err("must be an integer of at least 0") } else { Ok(Self(number)) }
    }
}

impl Place {
    /// The number.
    pub(super) fn number(self) -> i64 {
        self.0
    }

    /// The same number, for lists that are counted in memory.
    pub(super) fn count(self) -> u64 {
        self.0.unsigned_abs()
    }
}

/// The number of items to return, by the parameter `limit`.
pub(super) fn limit(asked: Option<u32>) -> Result<usize, Problem> {
    match asked.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit as usize),
        _ => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "The parameter `limit` must be an integer from 1 to 200.",
        )),
    }
}

impl<T> Page<T> {
    /// A page of the first `limit` rows. One row more says that there is another page.
    pub(super) fn of<R>(mut rows: Vec<R>, limit: usize, cursor: impl Fn(&R) -> String) -> Self
    where
        R: Into<T>,
    {
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(cursor);
        Self { items: rows.into_iter().map(Into::into).collect(), next }
    }

    /// A page of these items, with the cursor of the next page.
    pub(super) fn new(items: Vec<T>, next: Option<String>) -> Self {
        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_more_makes_a_next_page() {
        let page = |rows: Vec<u32>| Page::<u64>::of(rows, 2, ToString::to_string);
        assert_eq!((page(vec![1, 2]).next, page(vec![]).next), (None, None));
        let first = page(vec![1, 2, 3]);
        assert_eq!((first.items, first.next), (vec![1, 2], Some("2".to_owned())));
        assert_eq!([None, Some(1), Some(200)].map(|asked| limit(asked).unwrap()), [50, 1, 200]);
        assert!([0, 201].into_iter().all(|asked| limit(Some(asked)).is_err()));
    }
}
