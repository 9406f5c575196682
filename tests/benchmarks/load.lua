-- Sends one prepared request after the other: lines of "Authorization<TAB>body" from the file
-- named by the first argument. What runs out starts again, so prepare enough.
local thread_count = 0

function setup(thread)
   thread:set("number", thread_count)
   thread_count = thread_count + 1
end

function init(args)
   lines, at = {}, number
   for line in io.lines(args[1]) do
      local authorization, body = line:match("^([^\t]*)\t(.*)$")
      lines[#lines + 1] = {authorization, body}
   end
   refused = 0
end

function request()
   local line = lines[at % #lines + 1]
   at = at + thread_total()
   local headers = {["Content-Type"] = "application/x-www-form-urlencoded"}
   if line[1] ~= "" then headers["Authorization"] = line[1] end
   if line[2] == "" then return wrk.format("GET", nil, headers) end
   return wrk.format("POST", nil, headers, line[2])
end

function thread_total()
   return 2
end

statuses = {}

function response(status)
   statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency)
   io.write(string.format('{"requests": %d, "microseconds": %d, "p50": %.0f, "p99": %.0f, "errors": %d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
