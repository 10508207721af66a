-- The account of the team's own logins that a request came with, where the server shows that to members. It is said by
-- the server and not part of the signed frame, and goes with it.
ALTER TABLE requests ADD COLUMN account TEXT CHECK (account IS NULL OR (frame IS NOT NULL AND length(account) > 0));
