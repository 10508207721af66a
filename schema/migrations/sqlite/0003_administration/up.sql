-- What operators did, and what they need for it.

-- A line for each act. It is written before the act, so that nothing is done that is not in it, and gets its result after:
-- a line without one is of an act during which the server ended. Nothing else of a line ever changes.
CREATE TABLE audit (
    id       INTEGER NOT NULL PRIMARY KEY,
    at       INTEGER NOT NULL,
    operator TEXT    NOT NULL,
    act      TEXT    NOT NULL,
    target   TEXT    NOT NULL,
    -- The HTTP status that the operator was answered.
    result   INTEGER
) STRICT;

CREATE INDEX audit_by_age ON audit (at);

CREATE TRIGGER audit_is_appended_to BEFORE UPDATE ON audit
WHEN OLD.result IS NOT NULL OR NEW.result IS NULL
    OR NEW.id <> OLD.id OR NEW.at <> OLD.at OR NEW.operator <> OLD.operator OR NEW.act <> OLD.act OR NEW.target <> OLD.target
BEGIN
    SELECT RAISE(ABORT, 'a line of the audit log does not change');
END;

-- A room that is deleted takes along what users were told of it.
CREATE INDEX notices_of_room ON notices (rid);
