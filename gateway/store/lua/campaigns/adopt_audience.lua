-- adopt_audience: give a draft the audience that was stored, in place of an earlier one.
-- with: recipients
-- KEYS  1 the number's prefix
-- ARGV  1 campaign, 2 the audience, 3 how many recipients it has, 4 lifetime in ms,
--       5 the upload that read it, 6 in how many chunks it is, then names and values of fields
-- Returns the phase, the earlier audience or "", and how many recipients that had; "lapsed" for the
-- phase where the lease of the upload ran out, "vanished" where a chunk is gone.
-- From the first write on the draft has no audience that could start; the last one gives it.
local campaign, count = KEYS[1] .. 'campaign:' .. ARGV[1], tonumber(ARGV[3])
local read = redis.call('HMGET', campaign, 'phase', 'audience', 'recipients')
if read[1] ~= 'draft' then return {read[1] or '', '', 0} end
if tonumber(redis.call('ZSCORE', KEYS[1] .. 'uploads', ARGV[5]) or 0) <= clock() then return {'lapsed', '', 0} end
for k = 0, tonumber(ARGV[6]) - 1 do
  local chunk = campaign .. ':chunk:' .. ARGV[2] .. ':' .. k
  if redis.call('PEXPIRE', chunk, ARGV[4]) == 0 then return {'vanished', '', 0} end
end
local fields = {}
for _, cell in ipairs(C.CELLS) do
  fields[#fields + 1] = 'cell:' .. cell
  fields[#fields + 1] = 0
end
redis.call('HSET', campaign, 'recipients', 0, 'next', 0, unpack(fields))
redis.call('HDEL', campaign, 'checked', 'takes', 'gets')
redis.call('DEL', campaign .. ':recipients')
if count > 0 then redis.call('SETRANGE', campaign .. ':recipients', count * 4 - 1, '\0') end
redis.call('PEXPIRE', campaign .. ':recipients', ARGV[4])
redis.call('PEXPIRE', campaign, ARGV[4])
redis.call('HSET', campaign, 'cell:waiting', count, 'recipients', count, 'audience', ARGV[2], unpack(ARGV, 7))
return {read[1], read[2] or '', tonumber(read[3] or 0)}
