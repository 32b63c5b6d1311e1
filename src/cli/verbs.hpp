// The verbs: each has its flags, its declaration and its run. One file per verb; app.cpp puts them
// together.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/flags/flags_file.hpp"
#include "cli/flags/message_flags.hpp"
#include "config/command.hpp"

namespace postroad::cli {

inline constexpr config::Duration default_timeout{30'000};

/// Flags that name a server and the login there; shared by send and talk.
struct ServerFlags {
  std::string server = "smtp://127.0.0.1:2525";
  std::optional<std::string> user;
  std::optional<std::string> password_file;
  std::optional<std::string> password_env;
  std::optional<std::string> password_command;
  std::optional<std::string> token_env;
  std::optional<std::string> token_command;
  std::optional<std::string> mechanism;
  std::optional<std::string> authorize_as;
  std::optional<std::string> ca_file;
  std::optional<std::string> certificate;
  std::optional<std::string> key;
  std::vector<std::string> pins;
  std::optional<std::string> proxy;
  std::optional<std::string> helo;
  bool plain_helo = false;
  bool no_tls = false;
  bool require_tls = false;
  bool allow_password_in_clear = false;
  bool insecure = false;
  bool legacy_tls = false;
  std::optional<config::Duration> timeout;            // else default_timeout
  std::vector<std::string> server_typed, user_typed;  // as config::Flag::typed
  /// `by_hand`: for a session that the user types, where other defaults hold.
  void add_to(std::vector<config::Flag>& flags, bool by_hand);
};

/// Flags for the parameters of MAIL and RCPT.
struct AskFlags {
  std::optional<std::string> return_content, envelope_id, notify, original, deliver_by, hold_until,
      submitter;
  std::optional<config::Duration> hold_for;
  std::optional<int> priority;
  bool require_tls = false;
  void add_to(std::vector<config::Flag>& flags);
};

struct SendVerb {
  ServerFlags server;
  MessageFlags message;
  std::vector<std::string> recipients;
  bool dry_run = false, trace = false, json = false, all_or_none = false, no_pipelining = false;
  AskFlags asks;
  std::vector<std::string> xclient, ignored, relays;
  std::optional<std::string> flags_file;  // read before the rest, by flags_file.hpp
  FlagPlaces places{};                    // of the flags in that file
  std::optional<std::string> chunking, proxy_header, stop_after, cut_after;
  bool lmtp = false;
  config::Command declare();
  int run();
};

/// DKIM by hand: keys, signatures, verification.
struct DkimVerbs {
  std::string file = "-", key, domain, selector, out, name_server;
  std::string algorithm = "rsa-sha256", canonical = "relaxed/relaxed";
  std::vector<std::string> records, fields;
  // As config::Flag::typed.
  std::vector<std::string> key_typed, domain_typed, selector_typed, bits_typed;
  int bits = 2048;
  bool json = false;
  config::Command declare();
  int keygen();
  int record();
  int sign();
  int verify();
};

struct LintVerb {
  std::vector<std::string> files;
  bool json = false, strict = false;
  config::Command declare();
  int run();
};

struct TalkVerb {
  ServerFlags server;
  std::string host;
  config::Command declare();
  int run();
};

struct ServeVerb {
  std::string config;
  std::vector<std::string> set;
  std::vector<std::string> config_typed;  // as config::Flag::typed
  bool reload = false, take_over = false;
  config::Command declare();
  int run();
};

struct MailVerbs {
  std::string data = "./postroad-mail";
  std::string mailbox, id, subject;
  std::vector<std::string> data_typed;  // as config::Flag::typed
  bool json = false, raw = false;
  int count = 1;
  config::Duration timeout{30'000};
  config::Command declare();
  int list();
  int show();
  int wait();
};

struct ConfigVerbs {
  std::string config;
  std::vector<std::string> set;
  bool offline = false, diff = false;
  config::Command declare();
  int check();
  int show();
  int reference();
};

struct PlanVerb {
  std::string config, address, login;
  std::string sender = "<>";
  std::vector<std::string> set;
  std::vector<std::string> sender_typed;  // as config::Flag::typed
  bool json = false;
  config::Command declare();
  int run();
};

struct QueueVerbs {
  std::string config, data, id;
  std::vector<std::string> set;
  std::vector<std::string> ids;
  std::optional<std::string> sender, recipient, domain, site, reply;
  std::string state;
  std::string to;                  ///< folder of `export`, data folder of `move`
  std::vector<std::string> paths;  ///< of `import`
  config::Duration older{0}, wait{30'000};
  bool json = false, postqueue = false, dry_run = false, yes = false, ends_holds = false;
  config::Command declare();
  int list();
  int why();
  int show();
  /// `what`: hold, release, flush or remove.
  int change(const std::string& what);
  int export_messages();
  int import_messages();
  int move();
  /// Flags that name the running server, and the exit codes of asking it.
  std::vector<config::Flag> place_flags();
  static std::vector<config::ExitCode> exit_codes();

 private:
  config::Flag json_flag();
  std::vector<config::Flag> condition_flags();
  std::vector<config::Flag> flags_with(const std::vector<config::Flag>& more);
  config::Command change_command(const std::string& name, std::string summary,
                                 std::string description, std::vector<config::Flag> more);
  std::vector<config::Command> change_commands();
  std::vector<config::Command> transfer_commands();
};

struct SiteVerbs {
  QueueVerbs place;  // where the server is
  std::vector<std::string> names;
  bool json = false;
  config::Command declare();
  /// `what`: list or show.
  int list(const std::string& what);
  int replies();
  /// `what`: pause, resume or reset.
  int change(const std::string& what);

 private:
  config::Command command(const std::string& name, std::string summary, std::string description,
                          bool needs_name);
};

struct PolicyVerbs {
  QueueVerbs place;  // where the server is
  std::vector<std::string> names;
  bool json = false;
  config::Command declare();
  int show();
  int purge();

 private:
  config::Command command(const std::string& name, std::string summary, std::string description);
};

struct TlsrptVerbs {
  QueueVerbs place;  // where the server is
  std::vector<std::string> names;
  bool json = false;
  config::Command declare();
  int show();
  int send();

 private:
  config::Command command(const std::string& name, std::string summary, std::string description);
};

struct UserVerbs {
  std::string file = "./postroad-users";
  std::string name;
  std::optional<std::string> password_file;
  std::optional<std::string> password_env;
  bool scram_sha_1 = false, cram_md5 = false;
  config::Command declare();
  int add();
  int remove();
  int list();
};

}  // namespace postroad::cli
