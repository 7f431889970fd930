-- Every change begins here, one after the other.
SELECT revision FROM config_revision FOR UPDATE
