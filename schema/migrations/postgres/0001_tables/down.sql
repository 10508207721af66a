DROP TABLE audit, notices, denials, devices, approves, requests, rooms, streams, store;
DROP FUNCTION audit_is_appended_to, requests_come, requests_go, requests_change, instr;
