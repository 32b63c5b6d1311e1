// `postroad user add|remove|list`: the file of users and their SCRAM keys.
#include <filesystem>
#include <iostream>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "server/users.hpp"

namespace postroad::cli {

config::Command UserVerbs::declare() {
  const config::Flag where{.name = "file",
                           .value = "FILE",
                           .doc = "Users file, as server.users names it.",
                           .target = &file,
                           .completion = config::Completion::file};
  const config::Argument who{.name = "NAME", .doc = "User name.", .target = &name};
  config::Command group{.name = "user", .summary = "add, remove and list the users who may log in"};
  group.description =
      "The users are in " + file +
      ", or in the file of --file. The file holds keys and no passwords. It keeps its owner and "
      "its mode; a new file that root creates gets the owner of its folder, so that the server can "
      "read it. A lock on FILE.lock serializes changes.";
  const std::vector<config::ExitCode> codes{
      {exit_ok, "done"},
      {exit_usage, "wrong command line, or no such user"},
      {exit_data, "wrong password, or the file is not a users file"},
      {exit_no_input, "the password file cannot be read"},
      {exit_io, "the users file cannot be read or written"}};
  group.subcommands = {
      {.name = "add",
       .summary = "add a user, or set a new password",
       .arguments = {who},
       .flags = {where,
                 {.name = "password-file",
                  .value = "FILE",
                  .doc = "The password is the first line of this file.",
                  .target = &password_file,
                  .default_text = "a prompt"},
                 {.name = "password-env",
                  .value = "NAME",
                  .doc = "The password is in this environment variable.",
                  .target = &password_env},
                 {.name = "with-scram-sha-1",
                  .doc = "Store SCRAM-SHA-1 keys too, for old clients.",
                  .target = &scram_sha_1},
                 {.name = "with-cram-md5",
                  .doc = "Insecure: also store a CRAM-MD5 key; a reader of the file can log in "
                         "with it.",
                  .target = &cram_md5}},
       .exit_codes = codes,
       .run = [this] { return add(); }},
      {.name = "remove",
       .summary = "remove a user",
       .arguments = {who},
       .flags = {where},
       .exit_codes = codes,
       .run = [this] { return remove(); }},
      {.name = "list",
       .summary = "list the users",
       .flags = {where},
       .exit_codes = codes,
       .run = [this] { return list(); }},
  };
  return group;
}

namespace {

int refuse(const Error& error) {
  complain("user", error.text());
  return exit_of(error);
}

Result<server::Users> load(const std::string& file) {
  std::error_code error;  // of a folder that may not be looked into: then reading says why
  if (!std::filesystem::exists(file, error) && !error) return server::Users{};
  return server::Users::load(file);
}

// Twice, because a typing error is not seen and would lock the user out.
Result<Secret> ask_twice(const std::string& name) {
  constexpr std::string_view remedy = "--password-file or --password-env";
  const auto question = "new password of " + printable(name);
  auto first = ask_password(question, remedy);
  if (!first) return first;
  auto second = ask_password(question + ", again", remedy);
  if (!second) return second;
  if (*first == *second) return first;
  return fail(Fault::data, question, "the two passwords differ; nothing was changed");
}

}  // namespace

int UserVerbs::add() {
  if (password_file && password_env)
    return refuse(
        fail(Fault::input, "--password-file, --password-env", "mutually exclusive; give only one"));
  if (const auto right = server::Users::check_name(name); !right) return refuse(right.error());
  // Before the prompt, and again after it: another process may change the file meanwhile.
  if (const auto users = load(file); !users) return refuse(users.error());
  if (const auto readable = check_file("--password-file", password_file); !readable)
    return refuse(readable.error());
  auto password = password_file  ? Secret::from_file(*password_file)
                  : password_env ? Result<Secret>(Secret::from_env(password_env->c_str()))
                                 : ask_twice(name);
  if (password && password->empty() && password_env)
    password = fail(Fault::data, "--password-env " + *password_env, variable_not_set);
  if (!password) {
    (void)refuse(password.error());
    return exit_of_reading(password.error());
  }
  const auto added = server::Users::change(file, [&](server::Users& users) -> Result<void> {
    const auto set = users.set(name, *password, {scram_sha_1, cram_md5});
    return set ? set : of_data(set.error());  // the name was checked: it is the password
  });
  return added ? exit_ok : refuse(added.error());
}

int UserVerbs::remove() {
  if (const auto users = server::Users::load(file); !users) return refuse(users.error());
  const auto removed = server::Users::change(file, [&](server::Users& users) -> Result<void> {
    if (users.remove(name)) return {};
    return fail(
        Fault::input, name,
        "no such user in " + file + "; `postroad user list --file " + file + "` shows the users");
  });
  return removed ? exit_ok : refuse(removed.error());
}

int UserVerbs::list() {
  const auto users = server::Users::load(file);
  if (!users) return refuse(users.error());
  for (const auto& one : users->names()) std::cout << one << '\n';
  return exit_ok;
}

}  // namespace postroad::cli
