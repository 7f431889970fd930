SELECT paused FROM fsops_queue WHERE node = $1
