"""When which probe runs on which GPU: decided purely, then acted on by one worker for each GPU."""
