// The verbs: each has its flags, its declaration and its run. One file a verb; app.cpp puts them
// together.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/command.hpp"

namespace postroad::cli {

/// Flags that say where a server is and who we are there; shared by send and talk.
struct ServerFlags {
  std::string server = "smtp://127.0.0.1:2525";
  std::optional<std::string> user;
  std::optional<std::string> password_file;
  std::optional<std::string> password_env;
  std::optional<std::string> password_command;
  std::optional<std::string> mechanism;
  std::optional<std::string> ca_file;
  std::optional<std::string> helo;
  bool plain_helo = false;
  bool no_tls = false;
  bool require_tls = false;
  bool allow_password_in_clear = false;
  bool insecure = false;
  config::Duration timeout{30'000};
  void add_to(std::vector<config::Flag>& flags);
};

struct SendVerb {
  ServerFlags server;
  std::vector<std::string> to, cc, bcc, headers, attachments, recipients;
  std::string from, subject;
  std::optional<std::string> text, html, data;
  bool dry_run = false, trace = false, json = false, all_or_none = false, no_pipelining = false;
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
  bool reload = false, take_over = false;
  config::Command declare();
  int run();
};

struct MailVerbs {
  std::string data = "./postroad-mail";
  std::string mailbox, id, subject;
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
  bool offline = false;
  config::Command declare();
  int check();
  int show();
  int reference();
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

/// Runs the whole command line; what main returns.
int run(int argc, char** argv);

}  // namespace postroad::cli
