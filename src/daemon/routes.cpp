// See routes.hpp.
#include "daemon/routes.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <fstream>

#include "dns/unbound_resolver.hpp"
#include "net/tls.hpp"

namespace postroad::daemon {

namespace {

std::string route_option(std::size_t index, std::string_view option) {
  return "route." + std::to_string(index) + '.' + std::string(option);
}

// The deliveries read this file: one that cannot be used would defer all messages.
void check_ca(const std::string& option, const std::filesystem::path& file, Problems& problems) {
  if (file.empty()) return;
  const auto tls = net::TlsContext::client({.ca_file = file.string()});
  if (!tls) problems.error(option, tls.error());
}

void check_networks(const std::string& option, const std::vector<std::string>& texts,
                    Problems& problems) {
  for (const auto& text : texts) {
    const auto network = net::Network::parse(text);
    if (!network) problems.error(option, network.error());
  }
}

// Missing names have been reported.
template <class Rows>
void check_name_once(const std::string& table, const Rows& rows, std::size_t at,
                     Problems& problems) {
  const auto here = rows.begin() + static_cast<std::ptrdiff_t>(at);
  const auto first = std::find_if(rows.begin(), here,
                                  [&](const auto& other) { return other.name == rows[at].name; });
  if (first == here || rows[at].name.empty()) return;
  problems.error(
      table + '.' + std::to_string(at) + ".name",
      table + '.' + std::to_string(first - rows.begin()) + " has this name; a name is given once");
}

void check_destinations(const Settings& settings, Problems& problems) {
  const auto& all = settings.destinations;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto option = [i](std::string_view name) {
      return "destination." + std::to_string(i) + '.' + std::string(name);
    };
    if (const auto sound = all[i].check_name(); !sound)
      problems.error(option("name"), sound.error());
    check_name_once("destination", all, i, problems);
    if (const auto group = all[i].group(); !group)
      problems.error(option("match"), group.error());
    else if (all[i].match.empty())
      problems.error(option("match"), "missing; name domains, as in match = [\"example.org\"]");
  }
}

void check_replies(const Settings& settings, Problems& problems) {
  for (std::size_t i = 0; i < settings.replies.size(); ++i) {
    const auto made = relay::mx::ReplyRules::make({settings.replies[i].rule()});
    check_name_once("reply", settings.replies, i, problems);
    if (made) continue;
    const auto& error = made.error();
    problems.error("reply." + std::to_string(i) + '.' + error.where, error.detail);
  }
}

void check_sources(const Settings& settings, Problems& problems) {
  for (std::size_t i = 0; i < settings.sources.size(); ++i) {
    const auto option = "source." + std::to_string(i) + '.';
    check_name_once("source", settings.sources, i, problems);
    const auto source = settings.sources[i].source();
    if (!source) {
      problems.error(option + source.error().where, source.error().detail);
    } else if (const auto why = relay::mx::why_unusable(*source); !why.empty()) {
      problems.warning(
          option + "addresses",
          why + "; its messages go from other sources until this machine has the address");
    }
  }
}

relay::mx::ReplyRules reply_rules(const Settings& settings) {
  std::vector<relay::mx::ReplyRule> rows;
  for (const auto& one : settings.replies) rows.push_back(one.rule());
  auto made = relay::mx::ReplyRules::make(std::move(rows));
  return made ? std::move(*made) : relay::mx::ReplyRules();  // else it was reported
}

// The resolver as the deliveries will open it: a server or trust anchor that cannot be used would
// defer all messages.
void check_mx(const Settings& settings, Problems& problems) {
  check_networks("mx.allow_networks", settings.mx.allow_networks, problems);
  check_networks("mx.own_addresses", settings.mx.own_addresses, problems);
  const auto options = settings.resolver.options();
  if (!options) return problems.error("resolver.servers", options.error());
  if (!uses_mx(settings)) return;
  boost::asio::io_context context;
  const auto opened = dns::UnboundResolver::open(context.get_executor(), *options);
  if (opened) return;
  const auto& where = opened.error().where;
  problems.error(where == "trust anchor"  ? "resolver.trust_anchor_file"
                 : where == "name server" ? "resolver.servers"
                                          : "resolver",
                 opened.error());
}

// Where this server listens on the port of the mail exchangers.
void add_listeners(const Settings& settings, relay::mx::AddressRules& rules) {
  for (const auto& listener : settings.listeners) {
    if (listener.port != settings.mx.port) continue;
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(listener.address, error);
    if (error) continue;
    if (!address.is_unspecified()) {
      if (auto network = net::Network::parse(listener.address)) rules.own.push_back(*network);
      continue;
    }
    rules.owns_interfaces = true;
    for (const auto* loopback : {"127.0.0.0/8", "::1"})
      rules.own.push_back(net::Network::parse(loopback).value());
  }
}

relay::Way mx_way(const Settings& settings) {
  relay::MxWay way{settings.mx.settings(settings.server.hostname), {}};
  way.settings.tls = settings.tls_out.settings(settings.server.data);
  way.validates = settings.tls_out.dane || !settings.resolver.trust_anchor_file.empty();
  way.settings.dns = settings.resolver.times();
  add_listeners(settings, way.settings.rules);
  way.settings.replies = reply_rules(settings);
  for (const auto& destination : settings.destinations)
    if (auto group = destination.group()) way.settings.groups.push_back(std::move(*group));
  for (const auto& one : settings.sources)
    if (auto source = one.source()) way.settings.sources.push_back(std::move(*source));
  if (auto options = settings.resolver.options()) way.resolver = std::move(*options);
  if (way.resolver.name_servers.empty()) {
    std::ifstream file("/etc/resolv.conf");
    way.system_servers.assign(std::istreambuf_iterator<char>(file), {});
  }
  return way;
}

}  // namespace

bool uses_mx(const Settings& settings) {
  return settings.mx.enabled || std::any_of(settings.routes.begin(), settings.routes.end(),
                                            [](const auto& route) { return route.is_mx(); });
}

std::optional<relay::RouteTable> make_routes(const Settings& settings, Problems& problems) {
  std::vector<relay::RouteMatch> all;
  bool is_sound = true;
  for (std::size_t i = 0; i < settings.routes.size(); ++i) {
    const auto& route = settings.routes[i];
    const auto& match = all.emplace_back(route.match());
    const auto check = [&](std::string_view option, const relay::RouteMatch& part) {
      const auto made = relay::RouteTable::make({part});
      if (made) return;
      is_sound = false;
      problems.error(route_option(i, option), made.error());
    };
    check("domains", {.domains = match.domains});
    check("senders", {.senders = match.senders});
    check("logins", {.logins = match.logins});
    if (!route.is_mx()) check_ca(route_option(i, "ca_file"), route.ca_file, problems);
  }
  if (!settings.delivery.smarthost.empty())
    check_ca("delivery.smarthost_ca_file", settings.delivery.smarthost_ca_file, problems);
  check_ca("tls_out.ca_file", settings.tls_out.ca_file, problems);
  check_mx(settings, problems);
  check_destinations(settings, problems);
  check_replies(settings, problems);
  check_sources(settings, problems);
  if (!is_sound) return std::nullopt;
  if (settings.mx.enabled || !settings.delivery.smarthost.empty()) all.emplace_back();
  return relay::RouteTable::make(all).value();
}

std::vector<relay::Way> make_ways(const Settings& settings) {
  const auto& host = settings.server.hostname;
  std::vector<relay::Way> ways;
  for (std::size_t i = 0; i < settings.routes.size(); ++i) {
    const auto& route = settings.routes[i];
    ways.push_back(route.is_mx() ? mx_way(settings)
                                 : route.way(host, "route." + std::to_string(i)));
  }
  if (!settings.delivery.smarthost.empty())
    ways.emplace_back(settings.delivery.smarthost_way(host));
  else if (settings.mx.enabled)
    ways.push_back(mx_way(settings));
  return ways;
}

}  // namespace postroad::daemon
