-- These messages are finished, whoever holds them now.
-- KEYS: done marks (two).  ARGV: period of marks; message ids.
local mark = marker({ KEYS[1], KEYS[2] }, tonumber(ARGV[1]))
for i = 2, #ARGV do mark(ARGV[i]) end
return #ARGV - 1
