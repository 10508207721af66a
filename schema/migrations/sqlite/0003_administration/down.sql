DROP INDEX notices_of_room;
DROP TABLE audit;
