// The sendmail entry: `postroad` called by that name, or `postroad sendmail`. Its command line is
// that of sendmail and is not parsed as those of the other verbs are.
#pragma once

#include <filesystem>
#include <postroad/client.hpp>
#include <string>
#include <vector>

#include "config/command.hpp"
#include "config/option.hpp"

namespace postroad::cli {

/// A command line, parsed.
struct SendmailCall {
  std::vector<std::string> recipients;
  std::string sender;  ///< -f; empty: the user at this machine; "<>", also for -f '': null sender
  char sender_flag = 'f';         ///< what named the sender: -f or -r
  std::string full_name;          ///< -F, for a From that is added
  std::string notify;             ///< -N
  std::string return_content;     ///< -R
  std::string envelope_id;        ///< -V
  bool reads_recipients = false;  ///< -t: those of To, Cc and Bcc too
  bool ignores_dots = false;      ///< -i: a line with a single dot is text
  bool allows_binary = false;     ///< -O AllowBinary: input that is not text is sent, too
  bool speaks_smtp = false;       ///< -bs
  bool lists_queue = false;       ///< -bp, and the name mailq
  bool flushes_queue = false;     ///< -q
  bool does_nothing = false;      ///< -q15m, -bi, -I: the server needs no call for them
};
/// Error: Fault::input with the flag.
Result<SendmailCall> parse_sendmail(const std::vector<std::string>& words);

/// From /etc/postroad/sendmail.toml, then ~/.config/postroad/sendmail.toml, or the file that
/// POSTROAD_SENDMAIL_CONFIG names; POSTROAD_SENDMAIL_SERVER overrides the server.
struct SendmailSettings {
  std::string server = "smtp://127.0.0.1:2525";
  std::string user;
  std::filesystem::path password_file;
  std::filesystem::path ca_file;
  bool allow_password_in_clear = false;
  std::string domain;
  std::filesystem::path data{"/var/lib/postroad"};
  config::Duration timeout{30'000};
};
Result<SendmailSettings> load_sendmail_settings();
const config::Section<SendmailSettings>& sendmail_declaration();
Result<Client> sendmail_client(const SendmailSettings& settings, RecipientPolicy policy);

/// -bp: the queue of the server that uses this data folder, in the form of Postfix's mailq.
int print_mailq(const std::filesystem::path& data);
/// -q: messages that wait there are tried now. Without a server nothing waits on this machine.
int flush_queue(const std::filesystem::path& data);
/// -bs: SMTP on standard input and output. A message goes to the server of the settings before its
/// final dot is answered, to all recipients or to none.
int speak_smtp(const SendmailSettings& settings);
/// The verb, which parses its words itself.
config::Command declare_sendmail();

}  // namespace postroad::cli
