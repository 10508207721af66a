//! The tables as Diesel sees them. `migrations/sqlite` and `migrations/postgres` create them, and
//! the former explains their columns.

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
        acked -> Bool,
        at -> BigInt,
        exp -> BigInt,
        seq -> BigInt,
        frame -> Nullable<Binary>,
    }
}

diesel::table! {
    audit (id) {
        id -> BigInt,
        at -> BigInt,
        operator -> Text,
        act -> Text,
        target -> Text,
        result -> Nullable<Integer>,
    }
}

diesel::table! {
    denials (id) {
        id -> BigInt,
        rid -> Binary,
        uid -> Binary,
        request_id -> Binary,
        by_uid -> Binary,
        code -> Text,
        at -> BigInt,
        until -> BigInt,
        blocked -> Bool,
        seq -> BigInt,
    }
}

diesel::table! {
    devices (request, device) {
        request -> BigInt,
        device -> Binary,
        acked -> Bool,
    }
}

diesel::table! {
    notices (id) {
        id -> BigInt,
        uid -> Binary,
        rid -> Binary,
        seq -> BigInt,
        at -> BigInt,
        frame -> Binary,
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
        first_ack -> Nullable<BigInt>,
        closed -> Nullable<BigInt>,
        is_open -> Nullable<Bool>,
        account -> Nullable<Text>,
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
        creator -> Nullable<Binary>,
        digest -> Nullable<Binary>,
        open -> BigInt,
        founder -> Nullable<Binary>,
        listed -> Bool,
        denied -> BigInt,
    }
}

diesel::table! {
    store (id) {
        id -> BigInt,
        epoch -> Binary,
        seq -> BigInt,
        open -> BigInt,
        starts -> BigInt,
    }
}

#[cfg(feature = "postgres")]
diesel::table! {
    streams (topic) {
        topic -> Binary,
        last_seq -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    approves, audit, denials, devices, notices, requests, rooms, store
);
