//! The database after a crash, looked at past the server.

use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::Text;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// The database itself is whole.
pub(crate) fn check_database(path: &Path) {
    let mut connection = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("the database");
    let found = diesel::sql_query(
        "SELECT integrity_check AS line FROM pragma_integrity_check \
         UNION ALL SELECT 'a row without a parent in ' || \"table\" FROM pragma_foreign_key_check",
    );
    let found: Vec<Line> = found.load(&mut connection).expect("a check");
    assert_eq!(found.into_iter().map(|line| line.line).collect::<Vec<_>>(), ["ok"]);
}
