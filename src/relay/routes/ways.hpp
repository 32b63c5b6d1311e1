// The ways out of this server: a host (a smarthost, an LMTP server), or the mail exchangers of each
// domain; and the carriers to them. Not here: which recipient takes which way
// (route_table.hpp).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <postroad/client_options.hpp>
#include <postroad/result.hpp>
#include <postroad/secret.hpp>
#include <string>
#include <variant>
#include <vector>

#include "dns/unbound_resolver.hpp"
#include "queue/carrier.hpp"
#include "relay/mx/mx_carrier.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

struct HostWay {
  std::string url;  ///< smtp://…, smtps://… or lmtp://…, without login
  std::string user;
  Secret password;
  std::string helo_name;
  std::string ca_file;  ///< PEM; empty: the CA certificates of the system
  std::vector<std::string> ignored_extensions;
  unsigned connections = 10;
  OptionNames names;  ///< of the settings, for errors; not part of what is compared

  friend bool operator==(const HostWay& one, const HostWay& other);
};

struct MxWay {
  mx::MxSettings settings;
  dns::UnboundOptions resolver;
  std::string system_servers{};  ///< /etc/resolv.conf, where `resolver` names no servers: a reload
                                 ///< that finds it changed opens another resolver
  bool validates = false;  ///< answers are validated, also without trust anchors in `resolver`
  friend bool operator==(const MxWay&, const MxWay&) = default;
};

using Way = std::variant<HostWay, MxWay>;

/// Names for these ways, in their order: the same for equal ways, different for others. That of a
/// host is its site; the sites of the mail exchangers depend on the domain.
std::vector<std::string> names_of(const std::vector<Way>& ways);

/// A way with its carrier.
struct WayOut {
  Way way;
  std::string name;                         ///< as names_of gives it
  std::shared_ptr<queue::Carrier> carrier;  ///< null: it cannot be used, `note` says why
  std::string note;
  std::shared_ptr<mx::MxCarrier> mx{};  ///< the carrier of an MxWay
};

/// The resolver of the way. `tell` as CheckedResolver::Tell. Error: as UnboundResolver::open.
Result<std::unique_ptr<dns::Resolver>> open_resolver(
    const boost::asio::any_io_executor& executor, const MxWay& way,
    std::function<void(const std::string& why)> tell);

/// A way that `before` has already keeps its carrier, connections and pauses. The spool and the
/// observer outlive the result. Throws std::system_error without a thread.
std::vector<WayOut> open_ways(spool::Spool& spool, const std::vector<Way>& ways,
                              const std::vector<WayOut>& before, tls::TlsObserver& observer);

}  // namespace postroad::relay
