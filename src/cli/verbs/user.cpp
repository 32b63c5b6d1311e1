// `postroad user add|remove|list`: the users' file of SCRAM keys.
#include <filesystem>
#include <iostream>

#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "server/users.hpp"

namespace postroad::cli {

config::Command UserVerbs::declare() {
  const config::Flag where{.name = "file",
                           .value = "FILE",
                           .doc = "The users' file, as server.users names it.",
                           .target = &file,
                           .completion = config::Completion::file};
  const config::Argument who{.name = "NAME", .doc = "The user's name.", .target = &name};
  config::Command group{.name = "user",
                        .summary = "adds, removes and lists the users who may log in"};
  group.description = "The file holds keys and never a password.";
  group.subcommands = {
      {.name = "add",
       .summary = "adds a user, or gives one a new password",
       .arguments = {who},
       .flags = {where,
                 {.name = "password-file",
                  .value = "FILE",
                  .doc = "The password is the first line of this file; otherwise it is asked for.",
                  .target = &password_file},
                 {.name = "password-env",
                  .value = "NAME",
                  .doc = "The password is in this environment variable.",
                  .target = &password_env},
                 {.name = "with-scram-sha-1",
                  .doc = "Keys of SCRAM-SHA-1 too, for clients that know no better.",
                  .target = &scram_sha_1},
                 {.name = "with-cram-md5",
                  .doc =
                      "Weakens: a key of CRAM-MD5 too, with which whoever reads the file can log "
                      "in by it.",
                  .target = &cram_md5}}},
      {.name = "remove", .summary = "removes a user", .arguments = {who}, .flags = {where}},
      {.name = "list", .summary = "lists the users", .flags = {where}},
  };
  return group;
}

namespace {

int refuse(const Error& error) {
  complain("user", error.text());
  return exit_of(error);
}

Result<server::Users> load(const std::string& file) {
  if (!std::filesystem::exists(file)) return server::Users{};
  return server::Users::load(file);
}

}  // namespace

int UserVerbs::add() {
  auto users = load(file);
  if (!users) return refuse(users.error());
  auto password = password_file  ? Secret::from_file(*password_file)
                  : password_env ? Result<Secret>(Secret::from_env(password_env->c_str()))
                                 : ask_password("New password of " + name);
  if (!password) return refuse(password.error());
  const auto set = users->set(name, *password, {scram_sha_1, cram_md5});
  if (!set) return refuse(set.error());
  const auto saved = users->save(file);
  return saved ? exit_ok : refuse(saved.error());
}

int UserVerbs::remove() {
  auto users = server::Users::load(file);
  if (!users) return refuse(users.error());
  if (!users->remove(name))
    return refuse(fail(Fault::input, name, "there is no such user in " + file));
  const auto saved = users->save(file);
  return saved ? exit_ok : refuse(saved.error());
}

int UserVerbs::list() {
  const auto users = server::Users::load(file);
  if (!users) return refuse(users.error());
  for (const auto& one : users->names()) std::cout << one << '\n';
  return exit_ok;
}

}  // namespace postroad::cli
