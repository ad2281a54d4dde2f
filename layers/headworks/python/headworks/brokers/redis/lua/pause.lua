-- Hands nothing out from now on; an earlier pause stays.  A script, since it may be needed most when the server is full.
-- KEYS: state.  ARGV: since when, by whom and why (JSON).
return redis.call('HSETNX', KEYS[1], 'paused', ARGV[1])
