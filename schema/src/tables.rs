//! The tables as Diesel sees them; `migrations/sqlite` makes them and explains their columns.

diesel::table! {
    approves (id) {
        id -> BigInt,
        rid -> Binary,
        to_uid -> Binary,
        request_id -> Binary,
        approve_id -> Binary,
        by_uid -> Binary,
        digest -> Binary,
        state -> SmallInt,
        at -> BigInt,
        exp -> BigInt,
        seq -> BigInt,
        frame -> Nullable<Binary>,
    }
}

diesel::table! {
    requests (id) {
        id -> BigInt,
        rid -> Binary,
        uid -> Binary,
        request_id -> Binary,
        box_hash -> Binary,
        digest -> Binary,
        state -> SmallInt,
        created -> BigInt,
        exp -> BigInt,
        seq -> BigInt,
        frame -> Nullable<Binary>,
    }
}

diesel::table! {
    rooms (rid) {
        rid -> Binary,
        policy -> Text,
        version -> BigInt,
        seq -> BigInt,
        created -> BigInt,
        frame -> Binary,
    }
}

diesel::table! {
    store (id) {
        id -> BigInt,
        epoch -> Binary,
        seq -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(approves, requests, rooms, store);
