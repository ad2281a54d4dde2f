"""Scripts that may touch no key but those they declare, as on ElastiCache Serverless.

A single server takes undeclared ones, a cluster those of the same slot: neither would tell.
"""

from __future__ import annotations

from headworks.brokers.redis.scripts import Scripts

# Which arguments of a command are keys; whatever else a script calls is refused.
_GUARD = """
local redis = (function(real, declared)
  local known = {}
  for i = 1, #declared do known[declared[i]] = true end
  local none, first, all = {}, { 1 }, {}
  local keys_of = {
    TIME = none, XADD = first, XACK = first, XDEL = first, XRANGE = first, XPENDING = first, XCLAIM = first,
    XGROUP = { 2 }, XINFO = { 2 }, XLEN = first, SET = first, GET = first, UNLINK = all, EXISTS = all, PEXPIRE = first,
    HGET = first, HSET = first, HSETNX = first, HDEL = first, HEXISTS = first, HINCRBY = first,
    HGETALL = first, HLEN = first,
    ZADD = first, ZREM = first, ZSCORE = first, ZRANGE = first, ZRANGEBYSCORE = first, ZCARD = first,
    ZCOUNT = first,
    LPUSH = first, RPUSH = first, LPOP = first, LRANGE = first, LREM = first,
  }
  local function check(name, ...)
    local positions = keys_of[name]
    if not positions then error('the guard knows no command ' .. tostring(name)) end
    local arguments = { ... }
    if positions == all then
      for i = 1, #arguments do assert(known[arguments[i]], 'undeclared key ' .. arguments[i]) end
    else
      for i = 1, #positions do
        local key = arguments[positions[i]]
        assert(known[key], 'undeclared key ' .. tostring(key) .. ' of ' .. name)
      end
    end
  end
  return {
    call = function(...) check(...) return real.call(...) end,
    pcall = function(...) check(...) return real.pcall(...) end,
  }
end)(redis, KEYS)
"""


def guarded(name: str, source: str) -> str:
    """A script's text behind the guard."""
    return _GUARD + source


def guarded_scripts() -> Scripts:
    """All of them."""
    return Scripts(guarded)
