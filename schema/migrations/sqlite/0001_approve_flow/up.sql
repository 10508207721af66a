-- Rooms, the requests for their keys, and the approves that answer them.
--
-- Every table is STRICT: a text where a blob belongs would compare unequal to the blob of the same bytes, and
-- a row that nobody finds again is worse than an error.
--
-- No table is WITHOUT ROWID: rows carry frames of some hundred bytes up to 16 KiB, and a table without rowid
-- keeps whole rows in the inner pages of its tree, so lookups would grow deep. Ids live in small indexes
-- beside the rows instead.
--
-- "Open" and "live" are written `frame IS NOT NULL` in partial indexes and queries. The CHECKs make it the
-- same as the states named there, and unlike `state IN (0, 1)` it has no value in it: a query that binds its
-- values, as a cached statement does, can use the index.

CREATE TABLE store (
    id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch BLOB    NOT NULL CHECK (length(epoch) = 16),
    seq   INTEGER NOT NULL
) STRICT;

INSERT INTO store (id, epoch, seq) VALUES (1, randomblob(16), 0);

CREATE TABLE rooms (
    rid     BLOB    NOT NULL PRIMARY KEY,
    policy  TEXT    NOT NULL CHECK (policy IN ('open', 'request', 'secret')),
    version INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    created INTEGER NOT NULL,
    frame   BLOB    NOT NULL
) STRICT;

-- The directory: pages of one policy in the order of rid, without stepping over the secret rooms in between.
CREATE INDEX rooms_by_policy ON rooms (policy, rid);

CREATE TABLE requests (
    id         INTEGER NOT NULL PRIMARY KEY,
    rid        BLOB    NOT NULL REFERENCES rooms (rid) ON DELETE CASCADE,
    uid        BLOB    NOT NULL,
    request_id BLOB    NOT NULL,
    box_hash   BLOB    NOT NULL,
    digest     BLOB    NOT NULL CHECK (length(digest) = 32),
    -- 0 pending, 1 approved, 2 done, 3 denied, 4 withdrawn, 5 expired
    state      INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 5),
    created    INTEGER NOT NULL,
    exp        INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    frame      BLOB,
    UNIQUE (rid, uid, request_id),
    -- A finished request keeps no frame, an open one must have it.
    CHECK ((state IN (0, 1)) = (frame IS NOT NULL))
) STRICT;

-- exp is there to pass over expired rows without reading them.
CREATE INDEX requests_open_in_room ON requests (rid, seq, exp)           WHERE frame IS NOT NULL;
CREATE INDEX requests_open_of_user ON requests (uid, seq, exp, rid)      WHERE frame IS NOT NULL;
CREATE INDEX requests_open_by_box  ON requests (rid, uid, box_hash, exp) WHERE frame IS NOT NULL;

CREATE TABLE approves (
    id         INTEGER NOT NULL PRIMARY KEY,
    rid        BLOB    NOT NULL,
    to_uid     BLOB    NOT NULL,
    request_id BLOB    NOT NULL,
    approve_id BLOB    NOT NULL,
    by_uid     BLOB    NOT NULL,
    digest     BLOB    NOT NULL CHECK (length(digest) = 32),
    -- 0 live, 1 saved, 2 nacked, 3 dropped
    state      INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3),
    at         INTEGER NOT NULL,
    exp        INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    frame      BLOB,
    UNIQUE (rid, approve_id),
    FOREIGN KEY (rid, to_uid, request_id) REFERENCES requests (rid, uid, request_id) ON DELETE CASCADE,
    -- A sealed key is kept as long as it waits for its requester, and no longer.
    CHECK ((state = 0) = (frame IS NOT NULL))
) STRICT;

-- Not partial: it also serves the cascade, which looks for closed approves too. state and exp make counting
-- the live ones a matter of the index alone.
CREATE INDEX approves_of_request ON approves (rid, to_uid, request_id, state, exp);
CREATE INDEX approves_waiting    ON approves (to_uid, seq, exp, rid) WHERE frame IS NOT NULL;
