DROP INDEX requests_open_of_user_in_room;
CREATE INDEX requests_open_by_box  ON requests (rid, uid, box_hash, exp) WHERE is_open IS NOT NULL;
