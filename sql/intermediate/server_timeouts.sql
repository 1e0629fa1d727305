-- Grain: one row per server and default of its keep-alive idle timeout: seconds after the last answer at
-- which it closes a connection. A range where versions or timers differ. Servers that never close first
-- (Go's net/http, gunicorn's sync workers) have no row; the source is where the default stands.

select
    defaults.server,
    defaults.closes_from_s,
    defaults.closes_to_s,
    defaults.setting,
    defaults.source
from (
    values
    ('gunicorn (async workers)', 2.0, 2.0, '--keep-alive', 'benoitc/gunicorn gunicorn/config.py'),
    -- keepAliveTimeout is 5 s; Node.js 20 was seen closing after 6.0 s, 24.6 adds keepAliveTimeoutBuffer, 1 s.
    ('Node.js', 5.0, 6.0, 'server.keepAliveTimeout', 'nodejs.org/api/http.html'),
    ('uvicorn', 5.0, 5.0, '--timeout-keep-alive', 'encode/uvicorn uvicorn/main.py'),
    ('hypercorn', 5.0, 5.0, 'keep_alive_timeout', 'pgjones/hypercorn src/hypercorn/config.py'),
    ('Apache httpd', 5.0, 5.0, 'KeepAliveTimeout', 'httpd core documentation'),
    ('Cowboy', 5.0, 5.0, 'request_timeout', 'ninenines/cowboy, as in mbta/api pull request 162'),
    ('uWebSockets or Bun', 10.0, 10.0, 'idle timeout', 'uNetworking/uWebSockets src/HttpContext.h'),
    ('Tomcat (shipped server.xml)', 20.0, 20.0, 'keepAliveTimeout', 'Tomcat HTTP connector documentation'),
    ('Puma before 7', 20.0, 20.0, 'persistent_timeout', 'puma/puma lib/puma/const.rb'),
    ('Jetty', 30.0, 30.0, 'http.idleTimeout', 'jetty AbstractConnector'),
    ('Tomcat (built in)', 60.0, 60.0, 'keepAliveTimeout', 'Tomcat HTTP connector documentation'),
    ('Undertow', 60.0, 60.0, 'no-request-timeout', 'Undertow listener options'),
    ('nginx (packaged)', 65.0, 65.0, 'keepalive_timeout', 'packaged nginx.conf'),
    ('Puma 7 or later', 65.0, 65.0, 'persistent_timeout', 'puma/puma pull request 3378'),
    ('nginx', 75.0, 75.0, 'keepalive_timeout', 'nginx core module documentation'),
    ('aiohttp (older)', 75.0, 75.0, 'keepalive_timeout', 'aio-libs/aiohttp aiohttp/web_protocol.py'),
    ('Kestrel', 130.0, 130.0, 'KeepAliveTimeout', 'dotnet/aspnetcore KestrelServerLimits')
) as defaults (server, closes_from_s, closes_to_s, setting, source)
