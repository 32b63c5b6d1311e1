// The options of the limits: of a session, of a client address, of a login; see options.hpp.
#include "server/options.hpp"

namespace postroad::server {

using config::Duration;
using config::Section;
using config::Size;

Section<LimitsConfig> LimitsConfig::declare() {
  constexpr Duration second{std::chrono::seconds(1)};
  constexpr Duration week{std::chrono::weeks(1)};
  Section<LimitsConfig> s;
  s.option("message_size", &LimitsConfig::message_size,
           "Largest message accepted; announced as SIZE.")
      .between(Size{1024}, Size{1ULL << 40});
  s.option("recipients", &LimitsConfig::recipients,
           "Maximum number of recipients per message; further ones get 452.")
      .between(1, 1'000'000);
  s.option("recipient_overshoot", &LimitsConfig::recipient_overshoot,
           "RCPT commands of one message that may get a temporary refusal (452 beyond "
           "limits.recipients, "
           "450 beyond a limit of the client) before each further one counts in limits.errors.")
      .between(0, 1'000'000);
  s.option("messages", &LimitsConfig::messages,
           "Maximum number of messages per session; a further MAIL gets 421.")
      .between(1, 100'000'000)
      .formerly("mails");
  s.option("errors", &LimitsConfig::errors, "Refused commands before the session is closed.")
      .between(1, 1'000'000);
  s.option("auth_attempts", &LimitsConfig::auth_attempts,
           "Failed AUTH commands before the session is closed.")
      .between(1, 1000);
  s.option("login_delay", &LimitsConfig::login_delay,
           "Delay before answering a failed login. Doubles with each failure in a session. Ignored "
           "on catcher listeners.")
      .between(Duration{0}, std::chrono::seconds(30));
  s.option("command_line", &LimitsConfig::command_line, "Longest command line, in bytes.")
      .between(Size{512}, Size{65536});
  s.option("command", &LimitsConfig::command,
           "Time from the end of one command to the end of the next.")
      .between(second, week);
  s.option("data_block", &LimitsConfig::data_block, "Time for each 64 KiB of a message.")
      .between(second, week);
  s.option("transaction", &LimitsConfig::transaction,
           "Time from MAIL to the end of the message, at any speed.")
      .between(second, week);
  s.option("drain", &LimitsConfig::drain, "Time that sessions get to end when the server stops.")
      .between(Duration{0}, week);
  return s;
}

Section<ClientsConfig> ClientsConfig::declare() {
  Section<ClientsConfig> s;
  s.option("sessions", &ClientsConfig::sessions,
           "Concurrent sessions; further ones get 421. 0: no limit.");
  s.option("connections", &ClientsConfig::connections, "New connections; further ones get 421.");
  s.option("messages", &ClientsConfig::messages, "Messages; further ones get 450 at MAIL.");
  s.option("recipients", &ClientsConfig::recipients, "Recipients; further ones get 450 at RCPT.");
  s.option("bytes", &ClientsConfig::bytes,
           "Bytes of messages; once they are used up, MAIL gets 450.")
      .formerly("octets");
  s.option("errors", &ClientsConfig::errors,
           "Refused commands; once they are used up, new connections get 421.");
  s.option("failed_logins", &ClientsConfig::failed_logins,
           "Failed logins; once they are used up, AUTH gets 421 before the password is checked.");
  s.option("lookups", &ClientsConfig::lookups, "VRFY and EXPN commands; further ones get 450.");
  s.option(
      "exempt", &ClientsConfig::exempt,
      "Networks to which none of these limits applies, such as 192.0.2.0/24; the limits of logins "
      "do.");
  return s;
}

Section<LoginsConfig> LoginsConfig::declare() {
  Section<LoginsConfig> s;
  s.option("sessions", &LoginsConfig::sessions,
           "Concurrent sessions; further ones get 421. 0: no limit.");
  s.option("connections", &LoginsConfig::connections,
           "New sessions that log in; further ones get 421.");
  s.option("messages", &LoginsConfig::messages, "Messages; further ones get 450 at MAIL.");
  s.option("recipients", &LoginsConfig::recipients, "Recipients; further ones get 450 at RCPT.");
  s.option("bytes", &LoginsConfig::bytes,
           "Bytes of messages; once they are used up, MAIL gets 450.")
      .formerly("octets");
  s.option("errors", &LoginsConfig::errors,
           "Refused commands; once they are used up, a login gets 421.");
  s.option("failed_logins", &LoginsConfig::failed_logins,
           "Failed logins from all addresses; once they are used up, AUTH gets 421.");
  return s;
}

GuardSettings guard_settings(const ClientsConfig& clients, const LoginsConfig& logins) {
  const auto& c = clients;
  const auto& l = logins;
  return {.client = {c.connections, c.messages, c.recipients, c.bytes, c.errors, c.failed_logins,
                     c.lookups},
          .login = {l.connections, l.messages, l.recipients, l.bytes, l.errors, l.failed_logins,
                    Rate{}},
          .sessions_of_client = c.sessions,
          .sessions_of_login = l.sessions};
}

}  // namespace postroad::server
