//! The admin endpoints at `/admin/v1`, from outside.

mod audit;
mod described;
mod requests;
mod rooms;
mod secrets;
mod tokens;
mod users;

use serde_json::Value;
use vestibule_tests::admin::AdminServer;

/// All items of a list, read in pages of two. Calls `between` before each page except the
/// first.
fn pages(admin: &AdminServer, path: &str, mut between: impl FnMut()) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let sign = if path.contains('?') { '&' } else { '?' };
        let from = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let mut page = admin.read(&format!("{path}{sign}limit=2{from}"));
        let Value::Array(more) = page["items"].take() else { panic!("no list: {page}") };
        assert!(more.len() <= 2);
        items.extend(more);
        let Some(next) = page["next"].as_str() else { return items };
        cursor = Some(next.to_owned());
        between();
    }
}

/// One field of each item.
fn each<'a>(items: &'a [Value], field: &str) -> Vec<&'a Value> {
    items.iter().map(|item| &item[field]).collect()
}
