// The sendmail entry: `postroad` called by that name, or `postroad sendmail`. Its command line is
// sendmail's own, not the declaration's of the other verbs.
#pragma once

#include <filesystem>
#include <postroad/client.hpp>
#include <string>
#include <vector>

#include "config/option.hpp"

namespace postroad::cli {

/// What a command line asks.
struct SendmailCall {
  std::vector<std::string> recipients;
  std::string sender;          ///< -f; empty: the user at this machine; "<>", also of -f '': nobody
  std::string full_name;       ///< -F, for a From that is added
  std::string notify;          ///< -N
  std::string return_content;  ///< -R
  std::string envelope_id;     ///< -V
  bool reads_recipients = false;  ///< -t: those of To, Cc and Bcc too
  bool ignores_dots = false;      ///< -i: a lone dot is text
  bool speaks_smtp = false;       ///< -bs
  bool does_nothing = false;      ///< -q, -bp, -bi, -I: there is no queue and no table of aliases
};
/// Error: Fault::input with the flag.
Result<SendmailCall> parse_sendmail(const std::vector<std::string>& words);

/// Of /etc/postroad/sendmail.toml, then ~/.config/postroad/sendmail.toml, or the file that
/// POSTROAD_SENDMAIL_CONFIG names; POSTROAD_SENDMAIL_SERVER goes over its server.
struct SendmailSettings {
  std::string server = "smtp://127.0.0.1:2525";
  std::string user;
  std::filesystem::path password_file;
  std::filesystem::path ca_file;
  bool allow_password_in_clear = false;
  std::string domain;
  config::Duration timeout{30'000};
};
Result<SendmailSettings> load_sendmail_settings();
const config::Section<SendmailSettings>& sendmail_declaration();
Result<Client> sendmail_client(const SendmailSettings& settings, RecipientPolicy policy);

/// -bs: SMTP on standard input and output. A mail goes to the server of the settings before its
/// final dot is answered, to all recipients or to none.
int speak_smtp(const SendmailSettings& settings);
/// The whole entry; `words` without the program's name.
int run_sendmail(const std::vector<std::string>& words);

}  // namespace postroad::cli
