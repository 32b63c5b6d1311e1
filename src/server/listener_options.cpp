// The options of a listener; see options.hpp.
#include "server/options.hpp"

namespace postroad::server {

namespace {

using config::Duration;
using config::Section;
using config::Size;

void declare_role(Section<ListenerConfig>& s) {
  s.option("address", &ListenerConfig::address,
           "IP address to listen on; 0.0.0.0 and :: mean all addresses of this machine.");
  s.option("port", &ListenerConfig::port, "TCP port; 0 lets the kernel choose.");
  s.option("role", &ListenerConfig::role,
           {{"catcher", Role::catcher}, {"mx", Role::mx}, {"submission", Role::submission}},
           "Purpose of the listener: catcher stores every message, mx accepts messages for the "
           "local domains, submission accepts messages from users who log in.")
      .formerly("catch_all", "catcher")
      .formerly("relay_in", "mx");
  s.option("name", &ListenerConfig::name,
           "Name of the listener for --set, as listener.NAME.port. Empty: its index, from 0.");
  s.option("banner", &ListenerConfig::banner,
           "Text of the greeting after the host name and ESMTP; empty: none.");
  s.option("greet_pause", &ListenerConfig::greet_pause,
           "Delay before the greeting. A client that sends data during the delay is not a mail "
           "server and gets 554.")
      .between(Duration{0}, std::chrono::seconds(30));
  s.option("message_size", &ListenerConfig::message_size,
           "Largest message accepted on this listener, announced as SIZE; 0: limits.message_size.")
      .between(Size{0}, Size{1ULL << 40});
  s.option(
      "only_from", &ListenerConfig::only_from,
      "Networks whose clients are served, such as 192.0.2.0/24; other clients get 554. Empty: all "
      "clients are served.");
  s.option("relay_from", &ListenerConfig::relay_from,
           "Networks whose messages are relayed without a login, in addition to "
           "delivery.networks.");
  s.option("lmtp", &ListenerConfig::lmtp,
           "Speak LMTP instead of SMTP: LHLO, and one reply per recipient after the message.");
}

void declare_security(Section<ListenerConfig>& s) {
  s.option("tls", &ListenerConfig::tls,
           {{"none", smtp::TlsMode::none},
            {"offered", smtp::TlsMode::offered},
            {"required", smtp::TlsMode::required},
            {"implicit", smtp::TlsMode::implicit}},
           "STARTTLS not offered, offered or required; implicit: TLS before the greeting (port "
           "465).");
  s.option("certificate", &ListenerConfig::certificate,
           "PEM file with the certificate and its chain.");
  s.option("key", &ListenerConfig::key,
           "PEM file with the private key; empty: it is in the file of the certificate.");
  s.option("client_ca", &ListenerConfig::client_ca,
           "PEM file of CA certificates: clients are asked for a certificate, and a client with "
           "one issued by "
           "these CAs can log in by EXTERNAL. Empty: clients are not asked.");
  s.option("auth", &ListenerConfig::auth, "Offer AUTH to the users of server.users.");
  s.option("auth_required", &ListenerConfig::auth_required,
           "Refuse MAIL before AUTH; always the case for role submission.");
  s.option("mechanisms", &ListenerConfig::mechanisms,
           "SASL mechanisms that AUTH offers, strongest first; empty: those for which the users "
           "have keys.");
  s.option("allow_auth_in_clear", &ListenerConfig::allow_auth_in_clear,
           "Insecure: offer AUTH without TLS, too, so that passwords can be read in transit.");
  s.option("insecure_allow_legacy_tls", &ListenerConfig::insecure_allow_legacy_tls,
           "Insecure: TLS 1.2 also with RSA key exchange and CBC ciphers, for old clients.");
  s.option("allow_any_sender", &ListenerConfig::allow_any_sender,
           "Insecure: a user may send from any address, not only from those of "
           "submission.senders. Always the case for role catcher.");
  s.option("allow_bare_addresses", &ListenerConfig::allow_bare_addresses,
           "Accept `MAIL FROM: a@b` without angle brackets, for sessions typed by hand. On if no "
           "listener is configured.");
  s.option("keep_bare_line_ends", &ListenerConfig::keep_bare_line_ends,
           "Insecure: store a message with a bare CR or LF unchanged instead of refusing it.");
  s.option("vrfy", &ListenerConfig::vrfy,
           "Insecure: VRFY tells whether an address exists, to any client.");
  s.option("expn", &ListenerConfig::expn,
           "Insecure: EXPN tells the members of an alias, to any client.");
  s.option("xclient_from", &ListenerConfig::xclient_from,
           "Networks of trusted proxies that may name the real client with XCLIENT.");
  s.option("proxy_from", &ListenerConfig::proxy_from,
           "Networks of trusted proxies, which begin each connection with a PROXY header (v1 or "
           "v2). Clients of other networks are served without one.");
}

void declare_extensions(Section<ListenerConfig>& s) {
  s.option("pipelining", &ListenerConfig::pipelining, "Offer PIPELINING.");
  s.option("eight_bit_mime", &ListenerConfig::eight_bit_mime, "Offer 8BITMIME.");
  s.option("smtputf8", &ListenerConfig::smtputf8, "Offer SMTPUTF8.");
  s.option("size", &ListenerConfig::size, "Offer SIZE; the limit applies without it, too.");
  s.option("enhanced_status_codes", &ListenerConfig::enhanced_status_codes,
           "Offer ENHANCEDSTATUSCODES; without it no reply contains one.");
  s.option("chunking", &ListenerConfig::chunking, "Offer CHUNKING: BDAT.");
  s.option("binary_mime", &ListenerConfig::binary_mime,
           "Offer BINARYMIME, with chunking. A smarthost without BINARYMIME does not get such "
           "messages.");
  s.option("dsn", &ListenerConfig::dsn,
           "Offer DSN: senders choose what they are told of (NOTIFY, RET). A next server with DSN "
           "gets the parameters, and reports itself.");
  s.option("limits", &ListenerConfig::limits, "Offer LIMITS: RCPTMAX and MAILMAX.");
  s.option("requiretls", &ListenerConfig::requiretls,
           "Offer REQUIRETLS under TLS: such a message is relayed under verified TLS only.");
  s.option("deliver_by", &ListenerConfig::deliver_by,
           "Offer DELIVERBY: a message that is late is given up or its delay is reported, as the "
           "sender requested.");
  s.option("future_release", &ListenerConfig::future_release,
           "Offer FUTURERELEASE for role submission: a message is held until its time.");
  s.option("longest_hold", &ListenerConfig::longest_hold, "Longest time that a message is held.")
      .between(std::chrono::minutes(1), std::chrono::days(3650));
  s.option(
      "mt_priority", &ListenerConfig::mt_priority,
      "Offer MT-PRIORITY: of one sender's messages that wait, those of higher priority go first. A "
      "client without a login cannot raise the priority.");
  s.option("prdr", &ListenerConfig::prdr,
           "Offer PRDR: one reply per recipient after the message, where they differ.");
}

}  // namespace

Section<ListenerConfig> ListenerConfig::declare() {
  Section<ListenerConfig> s;
  declare_role(s);
  declare_security(s);
  declare_extensions(s);
  return s;
}

smtp::ServerOptions machine_options(const ListenerConfig& listener, const LimitsConfig& config,
                                    const std::string& hostname) {
  smtp::ServerOptions options;
  options.hostname = hostname;
  options.banner = listener.banner;
  options.tls = listener.tls;
  options.auth = listener.auth || listener.needs_login();
  options.auth_required = listener.needs_login();
  options.allow_auth_in_clear = listener.allow_auth_in_clear;
  options.allow_bare_addresses = listener.allow_bare_addresses;
  options.bare_line_ends =
      listener.keep_bare_line_ends ? smtp::BareLineEnds::keep : smtp::BareLineEnds::refuse;
  options.accept_bare_lf = listener.role == Role::catcher;
  options.vrfy = listener.vrfy;
  options.expn = listener.expn;
  options.extensions.pipelining = listener.pipelining;
  options.extensions.eight_bit_mime = listener.eight_bit_mime;
  options.extensions.smtputf8 = listener.smtputf8;
  options.extensions.size = listener.size;
  options.extensions.enhanced_status_codes = listener.enhanced_status_codes;
  options.extensions.chunking = listener.chunking;
  options.extensions.binary_mime = listener.binary_mime;
  options.extensions.dsn = listener.dsn;
  options.extensions.limits_keyword = listener.limits;
  options.extensions.require_tls = listener.requiretls;
  options.extensions.deliver_by = listener.deliver_by;
  options.extensions.future_release = listener.future_release && listener.role == Role::submission;
  options.extensions.longest_hold =
      std::chrono::duration_cast<std::chrono::seconds>(listener.longest_hold);
  options.extensions.mt_priority = listener.mt_priority;
  options.extensions.prdr = listener.prdr;
  options.lmtp = listener.lmtp;
  options.extensions.xclient = !listener.xclient_from.empty();
  if (!listener.mechanisms.empty()) options.mechanisms = listener.mechanisms;
  auto& limits = options.limits;
  limits.messages = config.messages;
  limits.message_size =
      listener.message_size.bytes != 0 ? listener.message_size.bytes : config.message_size.bytes;
  limits.recipients = config.recipients;
  limits.recipient_overshoot = config.recipient_overshoot;
  limits.errors = config.errors;
  limits.auth_attempts = config.auth_attempts;
  limits.command_line = config.command_line.bytes;
  limits.command = config.command;
  limits.data_block = config.data_block;
  limits.transaction = config.transaction;
  return options;
}

}  // namespace postroad::server
