-- Makes wrk send one request of given octets, and print its summary in full, on one line.
-- The octets are built once: wrk treats the request as static, as it does without a script.
function init(args)
   local request = args[1]
   wrk.format = function() return request end
end

function done(summary)
   local e = summary.errors
   io.write(string.format(
      "RESULT requests=%d microseconds=%d octets=%d connect=%d read=%d write=%d status=%d timeout=%d\n",
      summary.requests, summary.duration, summary.bytes, e.connect, e.read, e.write, e.status, e.timeout))
end
