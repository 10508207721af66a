-- Which rooms the directory does not list is lost, and so is who published the first card where somebody else is the
-- creator now.

DROP TRIGGER requests_come;
DROP TRIGGER requests_change;
DROP TRIGGER requests_go;

UPDATE store SET open = (SELECT count(*) FROM requests WHERE frame IS NOT NULL);
UPDATE rooms SET open = (SELECT count(*) FROM requests WHERE requests.rid = rooms.rid AND requests.frame IS NOT NULL);

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

DROP INDEX rooms_listed;
DROP INDEX rooms_by_founder;
DROP INDEX approves_by_user;
DROP INDEX denials_by_user;
DROP INDEX denials_of_user;

ALTER TABLE rooms DROP COLUMN founder;
ALTER TABLE rooms DROP COLUMN listed;
ALTER TABLE rooms DROP COLUMN denied;
