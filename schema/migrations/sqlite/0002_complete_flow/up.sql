-- The complete flow: denials that can be overruled, several devices, notices, quotas and tidying.
--
-- "Open" is no longer "has a frame": a denied request keeps its frame as long as it may still be approved. It is
-- a column of its own now, is_open, and for the reason given in 0001 partial indexes and queries say
-- `is_open IS NOT NULL`, which has no value in it. SQLite works the column out from the state, so the two cannot
-- disagree, and stores it nowhere. What follows from that:
--
--   open                        is_open IS NOT NULL
--   denied, may yet be approved frame IS NOT NULL AND is_open IS NULL
--   finished                    frame IS NULL
--
-- The counters `open` count what has a frame, open or denied: what takes room. Triggers keep them, because a
-- request comes and goes in more than one way (a room takes its requests along), and a counter that drifts
-- refuses people for ever.

ALTER TABLE store ADD COLUMN open   INTEGER NOT NULL DEFAULT 0 CHECK (open >= 0);
ALTER TABLE store ADD COLUMN starts INTEGER NOT NULL DEFAULT 0;

-- Who published the first card, and the hash of the card's signed bytes; unknown for rooms of before.
ALTER TABLE rooms ADD COLUMN creator BLOB CHECK (length(creator) = 32);
ALTER TABLE rooms ADD COLUMN digest  BLOB CHECK (length(digest) = 32);
ALTER TABLE rooms ADD COLUMN open    INTEGER NOT NULL DEFAULT 0 CHECK (open >= 0);

CREATE INDEX rooms_by_creator ON rooms (creator) WHERE creator IS NOT NULL;

-- SQLite cannot change a CHECK, so both tables are made anew. Foreign keys stay on: the new child refers to the
-- new parent, the old child goes before the old parent (whose rows would take it along), and renaming the
-- parent renames what refers to it.
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
    -- When the first device had the key, and when the request was finished.
    first_ack  INTEGER,
    closed     INTEGER,
    is_open    INTEGER GENERATED ALWAYS AS (CASE WHEN state IN (0, 1) THEN 1 END) VIRTUAL,
    UNIQUE (rid, uid, request_id),
    -- An open request must have its frame, a denied one may; no other has one.
    CHECK (CASE WHEN frame IS NULL THEN state NOT IN (0, 1) ELSE state IN (0, 1, 3) END),
    CHECK ((frame IS NULL) = (closed IS NOT NULL))
) STRICT;

-- The seq of a finished request is the clock of that moment, in microseconds.
INSERT INTO new_requests (id, rid, uid, request_id, box_hash, digest, state, created, exp, seq, frame, closed)
SELECT id, rid, uid, request_id, box_hash, digest, state, created, exp, seq, frame,
       CASE WHEN frame IS NULL THEN seq / 1000 END
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
    -- Whether a device has the key that it carries: it is good.
    acked      INTEGER NOT NULL DEFAULT 0 CHECK (acked IN (0, 1)),
    at         INTEGER NOT NULL,
    exp        INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    frame      BLOB,
    UNIQUE (rid, approve_id),
    FOREIGN KEY (rid, to_uid, request_id) REFERENCES new_requests (rid, uid, request_id) ON DELETE CASCADE,
    -- A sealed key is kept as long as it waits for its requester, and no longer.
    CHECK ((state = 0) = (frame IS NOT NULL))
) STRICT;

INSERT INTO new_approves (id, rid, to_uid, request_id, approve_id, by_uid, digest, state, acked, at, exp, seq, frame)
SELECT id, rid, to_uid, request_id, approve_id, by_uid, digest, state, state = 1, at, exp, seq, frame
FROM approves;

DROP TABLE approves;
DROP TABLE requests;
ALTER TABLE new_requests RENAME TO requests;
ALTER TABLE new_approves RENAME TO approves;

-- exp is there to pass over expired rows without reading them.
CREATE INDEX requests_open_in_room ON requests (rid, seq, exp)           WHERE is_open IS NOT NULL;
CREATE INDEX requests_open_of_user ON requests (uid, seq, exp, rid)      WHERE is_open IS NOT NULL;
CREATE INDEX requests_open_by_box  ON requests (rid, uid, box_hash, exp) WHERE is_open IS NOT NULL;
CREATE INDEX requests_denied       ON requests (rid, uid, exp)           WHERE frame IS NOT NULL AND is_open IS NULL;
-- How many a user has, open or remembered.
CREATE INDEX requests_of_user      ON requests (uid);
-- What is to be ended, and what is to be forgotten.
CREATE INDEX requests_ending       ON requests (exp)       WHERE frame IS NOT NULL;
CREATE INDEX requests_first_acked  ON requests (first_ack) WHERE is_open IS NOT NULL AND first_ack IS NOT NULL;
CREATE INDEX requests_closed       ON requests (closed)    WHERE closed IS NOT NULL;

-- Not partial: it also serves the cascade, which looks for closed approves too. state and exp make counting
-- the live ones a matter of the index alone.
CREATE INDEX approves_of_request ON approves (rid, to_uid, request_id, state, exp);
CREATE INDEX approves_waiting    ON approves (to_uid, seq, exp, rid) WHERE frame IS NOT NULL;
CREATE INDEX approves_ending     ON approves (exp)                   WHERE frame IS NOT NULL;

UPDATE store SET open = (SELECT count(*) FROM requests WHERE frame IS NOT NULL);
UPDATE rooms SET open = (SELECT count(*) FROM requests WHERE requests.rid = rooms.rid AND requests.frame IS NOT NULL)
WHERE rid IN (SELECT rid FROM requests WHERE frame IS NOT NULL);

CREATE TRIGGER requests_frame_comes AFTER INSERT ON requests WHEN NEW.frame IS NOT NULL
BEGIN
    UPDATE rooms SET open = open + 1 WHERE rid = NEW.rid;
    UPDATE store SET open = open + 1 WHERE id = 1;
END;

CREATE TRIGGER requests_frame_changes AFTER UPDATE OF frame ON requests
WHEN (OLD.frame IS NULL) <> (NEW.frame IS NULL)
BEGIN
    UPDATE rooms SET open = open + (NEW.frame IS NOT NULL) - (OLD.frame IS NOT NULL) WHERE rid = NEW.rid;
    UPDATE store SET open = open + (NEW.frame IS NOT NULL) - (OLD.frame IS NOT NULL) WHERE id = 1;
END;

CREATE TRIGGER requests_go AFTER DELETE ON requests WHEN OLD.frame IS NOT NULL
BEGIN
    UPDATE rooms SET open = open - 1 WHERE rid = OLD.rid;
    UPDATE store SET open = open - 1 WHERE id = 1;
END;

-- The devices that asked; a finished request has none. Rows are small, so here the tree of ids is the table.
CREATE TABLE devices (
    request INTEGER NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    device  BLOB    NOT NULL CHECK (length(device) = 16),
    acked   INTEGER NOT NULL DEFAULT 0 CHECK (acked IN (0, 1)),
    PRIMARY KEY (request, device)
) STRICT, WITHOUT ROWID;

-- Who may not ask for a while. A denial is active while it is blocked or its `until` has not come; one that was
-- lifted stays with until = 0 for the sweep, which finds by it the requests that nobody may approve any more.
CREATE TABLE denials (
    id         INTEGER NOT NULL PRIMARY KEY,
    rid        BLOB    NOT NULL REFERENCES rooms (rid) ON DELETE CASCADE,
    uid        BLOB    NOT NULL,
    request_id BLOB    NOT NULL,
    by_uid     BLOB    NOT NULL,
    code       TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    until      INTEGER NOT NULL,
    blocked    INTEGER NOT NULL CHECK (blocked IN (0, 1)),
    seq        INTEGER NOT NULL,
    UNIQUE (rid, uid)
) STRICT;

-- blocked and until are there to pass over lapsed rows without reading them.
CREATE INDEX denials_in_room ON denials (rid, seq, blocked, until);
CREATE INDEX denials_ending  ON denials (blocked, until);

-- What users are told about their own requests and approves. No foreign key: a notice outlives what it is about.
CREATE TABLE notices (
    id    INTEGER NOT NULL PRIMARY KEY,
    uid   BLOB    NOT NULL,
    rid   BLOB    NOT NULL,
    seq   INTEGER NOT NULL,
    at    INTEGER NOT NULL,
    frame BLOB    NOT NULL
) STRICT;

CREATE INDEX notices_of_user ON notices (uid, seq, rid);
CREATE INDEX notices_by_age  ON notices (at);
