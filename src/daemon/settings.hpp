// The server's settings: the option structs of all layers as one declaration, and where the values
// come from (defaults, file, environment, --set). Each option is declared beside its struct, with
// its bounds and whether it can change while the server runs.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "config/option.hpp"
#include "config/report.hpp"
#include "daemon/process_options.hpp"
#include "relay/dkim_keys.hpp"
#include "relay/options.hpp"
#include "server/options.hpp"

namespace postroad::daemon {

using relay::Destination;
using server::ListenerConfig;

struct Settings {
  ServerConfig server;
  std::vector<ListenerConfig> listeners;  ///< none: a catcher on loopback
  relay::LocalConfig local;
  relay::SubmissionConfig submission;
  relay::DeliveryConfig delivery;
  relay::RetryConfig retry;
  relay::BouncesConfig bounces;
  std::vector<relay::DkimConfig> dkim;
  std::vector<relay::RouteConfig> routes;
  relay::MxConfig mx;
  relay::TlsOutConfig tls_out;
  relay::TlsrptConfig tlsrpt;
  std::vector<relay::SourceConfig> sources;
  std::vector<relay::DestinationConfig> destinations;
  std::vector<relay::ReplyConfig> replies;
  relay::ResolverConfig resolver;
  SpoolConfig spool;
  server::LimitsConfig limits;
  server::ClientsConfig clients;
  server::LoginsConfig logins;
  LogConfig log;
  MetricsConfig metrics;

  /// Messages to remote domains can leave this server.
  [[nodiscard]] bool has_way_out() const {
    return mx.enabled || !delivery.smarthost.empty() || !routes.empty();
  }
};

const config::Section<Settings>& declaration();

/// Defaults, then the file (where `path` is not empty), then the environment, then each of
/// `assignments`. `settings` are complete only when the report has no error; a variable POSTROAD_…
/// that no option has is one.
config::LoadReport load_settings(const std::string& path,
                                 const std::vector<std::string>& assignments, Settings& settings);
/// The variables of the sendmail entry, which are not options of the server.
inline constexpr std::array<std::string_view, 2> variables_of_sendmail{"POSTROAD_SENDMAIL_CONFIG",
                                                                       "POSTROAD_SENDMAIL_SERVER"};
/// The name of this machine if it is a domain, else "localhost".
std::string system_hostname();

}  // namespace postroad::daemon
