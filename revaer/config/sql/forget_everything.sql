WITH tokens AS (DELETE FROM setup_token), keys AS (DELETE FROM api_keys), sealed AS (DELETE FROM secrets)
DELETE FROM config_documents
