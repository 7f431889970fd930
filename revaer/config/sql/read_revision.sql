SELECT revision FROM config_revision
