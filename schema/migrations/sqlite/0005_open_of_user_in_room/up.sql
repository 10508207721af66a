-- One user's open requests in one room, in their order. Without this index SQLite went through all that is open in the room.
--
-- It also finds the one for a box key, of the few that one user may have open: the index that was for that alone goes, so
-- that a request is still in as many indexes as before. box_hash and exp are there to pass over others without reading them.
DROP INDEX requests_open_by_box;
CREATE INDEX requests_open_of_user_in_room ON requests (rid, uid, seq, exp, box_hash) WHERE is_open IS NOT NULL;
