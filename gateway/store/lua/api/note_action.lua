-- note_action: add an entry to the audit log of the console.
-- KEYS  1 the prefix of all that belongs to the console
-- ARGV  1 most entries, 2 user, 3 what, 4 about, 5 what it says of a customer or '',
--       6 the accounts to which the user is bound, or ''
local log, subjects, most = KEYS[1] .. 'audit', KEYS[1] .. 'audit_subjects', tonumber(ARGV[1])
local fields = {'u', ARGV[2], 'w', ARGV[3], 'a', ARGV[4]}
if ARGV[6] ~= '' then fields[7], fields[8] = 'c', ARGV[6] end
local id = redis.call('XADD', log, '*', unpack(fields))
if ARGV[5] ~= '' then redis.call('HSET', subjects, id, ARGV[5]) end
local too_many = redis.call('XLEN', log) - most
if too_many > 0 then
  for _, entry in ipairs(redis.call('XRANGE', log, '-', '+', 'COUNT', too_many)) do
    redis.call('HDEL', subjects, entry[1])
  end
  redis.call('XTRIM', log, 'MAXLEN', '=', most)
end
return id
