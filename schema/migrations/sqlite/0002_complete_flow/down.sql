-- The tables of 0001 again, with all that they have room for: what a denied request might still have become is
-- lost, and so are devices, denials and notices.

DROP TABLE notices;
DROP TABLE denials;
DROP TABLE devices;

CREATE TABLE new_requests (
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

INSERT INTO new_requests (id, rid, uid, request_id, box_hash, digest, state, created, exp, seq, frame)
SELECT id, rid, uid, request_id, box_hash, digest, state, created, exp, seq,
       CASE WHEN state IN (0, 1) THEN frame END
FROM requests;

CREATE TABLE new_approves (
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
    FOREIGN KEY (rid, to_uid, request_id) REFERENCES new_requests (rid, uid, request_id) ON DELETE CASCADE,
    -- A sealed key is kept as long as it waits for its requester, and no longer.
    CHECK ((state = 0) = (frame IS NOT NULL))
) STRICT;

INSERT INTO new_approves (id, rid, to_uid, request_id, approve_id, by_uid, digest, state, at, exp, seq, frame)
SELECT id, rid, to_uid, request_id, approve_id, by_uid, digest, state, at, exp, seq, frame
FROM approves;

DROP TABLE approves;
DROP TABLE requests;
ALTER TABLE new_requests RENAME TO requests;
ALTER TABLE new_approves RENAME TO approves;

CREATE INDEX requests_open_in_room ON requests (rid, seq, exp)           WHERE frame IS NOT NULL;
CREATE INDEX requests_open_of_user ON requests (uid, seq, exp, rid)      WHERE frame IS NOT NULL;
CREATE INDEX requests_open_by_box  ON requests (rid, uid, box_hash, exp) WHERE frame IS NOT NULL;
CREATE INDEX approves_of_request   ON approves (rid, to_uid, request_id, state, exp);
CREATE INDEX approves_waiting      ON approves (to_uid, seq, exp, rid)   WHERE frame IS NOT NULL;

DROP INDEX rooms_by_creator;
ALTER TABLE rooms DROP COLUMN creator;
ALTER TABLE rooms DROP COLUMN digest;
ALTER TABLE rooms DROP COLUMN open;
ALTER TABLE store DROP COLUMN open;
ALTER TABLE store DROP COLUMN starts;
