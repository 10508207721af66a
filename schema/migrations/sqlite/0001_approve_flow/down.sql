DROP TABLE approves;
DROP TABLE requests;
DROP TABLE rooms;
DROP TABLE store;
