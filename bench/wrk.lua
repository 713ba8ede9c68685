-- Makes wrk send a request of given octets, and print its summary in full, on one line.
-- args: a file with the request; and, if it differs each time, the mark in it and how many to make beforehand.
-- Without a mark it is built once: wrk treats the request as static, as it does without a script.
local requests, count, turn = {}, 0, 0

function init(args)
   local file = assert(io.open(args[1], "rb"))
   local text = file:read("*a")
   file:close()
   if args[2] then
      count = tonumber(args[3])
      local before, after = text:match("^(.-)" .. args[2] .. "(.*)$")
      for i = 1, count do
         requests[i] = before .. string.format("%08x", i * 2654435761 % 4294967296) .. after
      end
      request = function()
         turn = turn % count + 1
         return requests[turn]
      end
   else
      wrk.format = function() return text end
   end
end

function done(summary)
   local e = summary.errors
   io.write(string.format(
      "RESULT requests=%d microseconds=%d octets=%d connect=%d read=%d write=%d status=%d timeout=%d\n",
      summary.requests, summary.duration, summary.bytes, e.connect, e.read, e.write, e.status, e.timeout))
end
