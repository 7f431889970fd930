SELECT state, count(*) AS jobs FROM fsops_jobs WHERE node = $1 GROUP BY state
