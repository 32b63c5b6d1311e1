// Carriers for the ways out; see ways.hpp.
#include "relay/routes/ways.hpp"

#include <algorithm>
#include <chrono>

#include "outbox/pool_carrier.hpp"
#include "relay/routes/route_table.hpp"

namespace postroad::relay {

namespace {

WayOut open_host(spool::Spool& spool, const HostWay& host) {
  outbox::PoolCarrierSettings made;
  made.urls = {host.url};
  if (!host.user.empty()) made.login = Login{host.user, host.password};
  made.client.helo_name = host.helo_name;
  made.client.drop_unsupported_options = true;
  made.client.tls.ca_file = host.ca_file;
  made.client.ignored_extensions = host.ignored_extensions;
  made.client.names = host.names;
  made.pool.connections = host.connections;
  made.pool.idle = std::chrono::seconds(10);
  // The queue pauses the site; the pool itself neither pauses nor waits.
  made.pool.initial_pause = made.pool.max_pause = made.pool.patience = {};
  return {host, std::make_shared<outbox::PoolCarrier>(spool, std::move(made)), {}};
}

WayOut open_mx(spool::Spool& spool, const MxWay& way) {
  auto carrier =
      mx::MxCarrier::open(spool, way.settings, [&](const boost::asio::any_io_executor& executor) {
        auto opened = dns::UnboundResolver::open(executor, way.resolver);
        return opened ? Result<std::unique_ptr<dns::Resolver>>(std::move(*opened)) : opened.error();
      });
  if (!carrier) return {way, nullptr, "4.4.3 no DNS resolver: " + carrier.error().text()};
  return {way, std::move(*carrier), {}};
}

}  // namespace

std::string site_of(const Way& way, std::string_view domain) {
  if (const auto* host = std::get_if<HostWay>(&way)) return host->url;
  return "mx:" + canonical_domain(domain);
}

std::vector<WayOut> open_ways(spool::Spool& spool, const std::vector<Way>& ways,
                              const std::vector<WayOut>& before) {
  std::vector<WayOut> made;
  for (const auto& way : ways) {
    const auto is_same = [&](const WayOut& one) { return one.carrier && one.way == way; };
    auto known = std::find_if(made.begin(), made.end(), is_same);
    if (known != made.end()) {
      made.push_back(WayOut(*known));
      continue;
    }
    const auto kept = std::find_if(before.begin(), before.end(), is_same);
    if (kept != before.end())
      made.push_back(*kept);
    else if (const auto* host = std::get_if<HostWay>(&way))
      made.push_back(open_host(spool, *host));
    else
      made.push_back(open_mx(spool, std::get<MxWay>(way)));
  }
  return made;
}

}  // namespace postroad::relay
