-- The creator's role, the directory by choice, and places that a denial gives back.

-- `creator` is a role now, which may be handed over. Whose room it counts as stays with who published the first card.
ALTER TABLE rooms ADD COLUMN founder BLOB CHECK (length(founder) = 32);
-- New rooms are in the directory only where somebody asked for that; those of before stay in it.
ALTER TABLE rooms ADD COLUMN listed  INTEGER NOT NULL DEFAULT 1 CHECK (listed IN (0, 1));
-- How many of its denied requests may still be approved.
ALTER TABLE rooms ADD COLUMN denied  INTEGER NOT NULL DEFAULT 0 CHECK (denied >= 0);

UPDATE rooms SET founder = creator WHERE creator IS NOT NULL;

CREATE INDEX rooms_by_founder ON rooms (founder) WHERE founder IS NOT NULL;
-- For what is erased with a user.
CREATE INDEX approves_by_user ON approves (by_uid);
CREATE INDEX denials_by_user  ON denials (by_uid);
CREATE INDEX denials_of_user  ON denials (uid);

-- The directory, without stepping over the rooms that are not in it.
CREATE INDEX rooms_listed ON rooms (listed, policy, rid);

-- The counters `open` counted what has a frame, open or denied. They count what is open, and `denied` the rest.
DROP TRIGGER requests_frame_comes;
DROP TRIGGER requests_frame_changes;
DROP TRIGGER requests_go;

UPDATE store SET open = (SELECT count(*) FROM requests WHERE is_open IS NOT NULL);
UPDATE rooms SET
    open   = (SELECT count(*) FROM requests WHERE requests.rid = rooms.rid AND is_open IS NOT NULL),
    denied = (SELECT count(*) FROM requests WHERE requests.rid = rooms.rid AND frame IS NOT NULL AND is_open IS NULL)
WHERE rid IN (SELECT rid FROM requests WHERE frame IS NOT NULL);

-- What is stored comes as open (see the default of `state`).
CREATE TRIGGER requests_come AFTER INSERT ON requests WHEN NEW.frame IS NOT NULL
BEGIN
    UPDATE rooms SET
        open   = open + (NEW.state IN (0, 1)),
        denied = denied + (NEW.state = 3)
    WHERE rid = NEW.rid;
    UPDATE store SET open = open + (NEW.state IN (0, 1)) WHERE id = 1;
END;

CREATE TRIGGER requests_change AFTER UPDATE OF state, frame ON requests
WHEN (OLD.state IN (0, 1)) <> (NEW.state IN (0, 1))
  OR (OLD.state = 3 AND OLD.frame IS NOT NULL) <> (NEW.state = 3 AND NEW.frame IS NOT NULL)
BEGIN
    UPDATE rooms SET
        open   = open + (NEW.state IN (0, 1)) - (OLD.state IN (0, 1)),
        denied = denied + (NEW.state = 3 AND NEW.frame IS NOT NULL) - (OLD.state = 3 AND OLD.frame IS NOT NULL)
    WHERE rid = NEW.rid;
    UPDATE store SET open = open + (NEW.state IN (0, 1)) - (OLD.state IN (0, 1)) WHERE id = 1;
END;

CREATE TRIGGER requests_go AFTER DELETE ON requests WHEN OLD.frame IS NOT NULL
BEGIN
    UPDATE rooms SET
        open   = open - (OLD.state IN (0, 1)),
        denied = denied - (OLD.state = 3)
    WHERE rid = OLD.rid;
    UPDATE store SET open = open - (OLD.state IN (0, 1)) WHERE id = 1;
END;
