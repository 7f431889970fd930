SELECT revision FROM config_history WHERE change_id = $1
