-- Alerts by the order in which they were decided. Their ids are random within a millisecond, and one round decides many.

ALTER TABLE alerts ADD COLUMN position BIGINT NOT NULL DEFAULT 0;

ALTER TABLE alert_deliveries ADD COLUMN position BIGINT NOT NULL DEFAULT 0;

UPDATE alerts SET position = numbered.position FROM (
    SELECT alert_id, row_number() OVER (ORDER BY created_ns, alert_id) AS position FROM alerts
) AS numbered WHERE numbered.alert_id = alerts.alert_id;

UPDATE alert_deliveries SET position = alerts.position FROM alerts WHERE alerts.alert_id = alert_deliveries.alert_id;

CREATE UNIQUE INDEX alerts_by_position ON alerts (position);

DROP INDEX alert_deliveries_owed;

CREATE INDEX alert_deliveries_owed ON alert_deliveries (state, channel, position);
