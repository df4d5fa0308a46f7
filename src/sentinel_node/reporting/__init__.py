"""From probe reports and samples to the gateway: nothing is lost while it is away, nothing is sent for ever."""
