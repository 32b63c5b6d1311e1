// Carriers for the ways out; see ways.hpp.
#include "relay/routes/ways.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>

#include "dns/checked_resolver.hpp"
#include "outbox/pool_carrier.hpp"

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
  return {host, {}, std::make_shared<outbox::PoolCarrier>(spool, std::move(made)), {}};
}

WayOut open_mx(spool::Spool& spool, const MxWay& way, tls::TlsObserver& observer) {
  auto carrier = mx::MxCarrier::open(
      spool, way.settings,
      [&](const boost::asio::any_io_executor& executor) {
        return open_resolver(executor, way,
                             [&observer](const std::string& why) { observer.validation_off(why); });
      },
      &observer);
  if (!carrier) return {way, {}, nullptr, "4.4.3 no DNS resolver: " + carrier.error().text()};
  return {way, {}, *carrier, {}, *carrier};
}

}  // namespace

bool operator==(const HostWay& one, const HostWay& other) {
  const auto parts = [](const HostWay& way) {
    return std::tie(way.url, way.user, way.password, way.helo_name, way.ca_file,
                    way.ignored_extensions, way.connections);
  };
  return parts(one) == parts(other);
}

// Two ways to one server with different logins or certificates are two sites, because a site
// belongs to one carrier.
std::vector<std::string> names_of(const std::vector<Way>& ways) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const auto equal =
        std::find(ways.begin(), ways.begin() + static_cast<std::ptrdiff_t>(i), ways[i]);
    const auto first = static_cast<std::size_t>(equal - ways.begin());
    if (first < i) {
      names.push_back(std::string(names[first]));
      continue;
    }
    const auto* host = std::get_if<HostWay>(&ways[i]);
    auto name = host == nullptr ? std::string("mx") : host->url;
    if (host != nullptr && !host->user.empty()) name += " as " + host->user;
    const auto is_taken = std::find(names.begin(), names.end(), name) != names.end();
    names.push_back(is_taken ? name + " (route " + std::to_string(i) + ')' : name);
  }
  return names;
}

Result<std::unique_ptr<dns::Resolver>> open_resolver(
    const boost::asio::any_io_executor& executor, const MxWay& way,
    std::function<void(const std::string& why)> tell) {
  const auto as_resolver = [](auto opened) {
    return opened ? Result<std::unique_ptr<dns::Resolver>>(std::move(*opened)) : opened.error();
  };
  if (way.validates)
    return as_resolver(dns::CheckedResolver::open(executor, way.resolver, std::move(tell),
                                                  way.settings.tls.data.empty()
                                                      ? std::filesystem::path()
                                                      : way.settings.tls.data / "dnssec"));
  return as_resolver(dns::UnboundResolver::open(executor, way.resolver));
}

std::vector<WayOut> open_ways(spool::Spool& spool, const std::vector<Way>& ways,
                              const std::vector<WayOut>& before, tls::TlsObserver& observer) {
  const auto names = names_of(ways);
  std::vector<WayOut> made;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const auto is_same = [&](const WayOut& one) { return one.carrier && one.way == ways[i]; };
    const auto known = std::find_if(made.begin(), made.end(), is_same);
    const auto kept = std::find_if(before.begin(), before.end(), is_same);
    const auto* host = std::get_if<HostWay>(&ways[i]);
    auto way = known != made.end()    ? *known
               : kept != before.end() ? *kept
               : host != nullptr      ? open_host(spool, *host)
                                      : open_mx(spool, std::get<MxWay>(ways[i]), observer);
    way.name = names[i];
    made.push_back(std::move(way));
  }
  return made;
}

}  // namespace postroad::relay
