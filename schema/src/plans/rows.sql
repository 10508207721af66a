-- Rows of a large database with :rooms rooms, for a server.

CREATE FUNCTION pg_temp.id(kind text, n bigint) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT sha256((kind || n)::bytea) $$;

INSERT INTO rooms (rid, policy, version, seq, created, frame, creator, founder, digest, listed)
SELECT CASE n WHEN 0 THEN decode(repeat('01', 32), 'hex') ELSE pg_temp.id('room', n) END,
       (ARRAY['open', 'request', 'secret'])[n % 3 + 1], 1, n, n, sha256('card'),
       pg_temp.id('user', n), pg_temp.id('user', n / 4), sha256('card'), n % 2 = 0
FROM generate_series(0, :rooms - 1) AS n;

-- Of each ten requests five are open, one is denied, and four are finished.
INSERT INTO requests (rid, uid, request_id, box_hash, digest, state, created, exp, seq, frame, first_ack, closed)
SELECT CASE n % :rooms WHEN 0 THEN decode(repeat('01', 32), 'hex') ELSE pg_temp.id('room', n % :rooms) END,
       CASE n WHEN 0 THEN decode(repeat('02', 32), 'hex') ELSE pg_temp.id('user', n % 20000) END,
       CASE n WHEN 0 THEN decode(repeat('04', 16), 'hex') ELSE pg_temp.id('request', n) END, pg_temp.id('box', n), sha256('request'),
       (ARRAY[0, 0, 0, 1, 1, 3, 2, 2, 4, 5])[n % 10 + 1],
       1700000000000 - 100 + n, 1700000000000 + (n % 1000 - 2) * 1000000, n + 1,
       CASE WHEN n % 10 < 6 THEN sha256('frame') END,
       CASE WHEN n % 10 = 4 AND n % 100 = 4 THEN 1700000000000 - 500 + n END,
       CASE WHEN n % 10 >= 6 THEN 1700000000000 - 100 + n END
FROM generate_series(0, 49999) AS n;

INSERT INTO approves (rid, to_uid, request_id, approve_id, by_uid, digest, state, at, exp, seq, frame)
SELECT rid, uid, request_id, pg_temp.id('approve', id), pg_temp.id('user', id % 5000), sha256('approve'),
       CASE state WHEN 1 THEN 0 ELSE 1 END, created, exp, seq,
       CASE state WHEN 1 THEN sha256('key') END
FROM requests WHERE state IN (1, 2);

INSERT INTO devices (request, device)
SELECT id, substr(sha256('device'), 1, 16) FROM requests WHERE frame IS NOT NULL;

INSERT INTO denials (rid, uid, request_id, by_uid, code, at, until, blocked, seq)
SELECT DISTINCT ON (rid, uid) rid, uid, request_id, pg_temp.id('user', id % 5000), 'no', created,
       1700000000000 + (id % 1000 - 2) * 1000000, id % 50 = 0, seq
FROM requests WHERE state = 3;

INSERT INTO notices (uid, rid, seq, at, frame)
SELECT uid, rid, seq, created, sha256('notice') FROM requests;

INSERT INTO audit (at, operator, act, target)
SELECT n, 'alice', 'DELETE', 'rooms/' || n FROM generate_series(1, 20000) AS n;

INSERT INTO streams (topic, last_seq)
SELECT 'r'::bytea || rid, seq FROM rooms
UNION ALL SELECT 'u'::bytea || uid, max(seq) FROM requests GROUP BY uid;

ANALYZE;
