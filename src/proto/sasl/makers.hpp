// Factories of the mechanisms, for the table in mechanism.cpp; each is in its mechanism's file.
#pragma once

#include "proto/sasl/mechanism.hpp"

namespace postroad::sasl {

std::unique_ptr<Server> make_plain_server(const Context&);
std::unique_ptr<Client> make_plain_client(const Credentials&, const Context&);
std::unique_ptr<Server> make_login_server(const Context&);
std::unique_ptr<Client> make_login_client(const Credentials&, const Context&);
std::unique_ptr<Server> make_cram_md5_server(const Context&);
std::unique_ptr<Client> make_cram_md5_client(const Credentials&, const Context&);
std::unique_ptr<Server> make_scram_server(crypto::Digest digest, bool plus, const Context&);
std::unique_ptr<Client> make_scram_client(crypto::Digest digest, bool plus, const Credentials&,
                                          const Context&);
std::unique_ptr<Server> make_xoauth2_server(const Context&);
std::unique_ptr<Client> make_xoauth2_client(const Credentials&, const Context&);
std::unique_ptr<Server> make_oauthbearer_server(const Context&);
std::unique_ptr<Client> make_oauthbearer_client(const Credentials&, const Context&);
std::unique_ptr<Server> make_external_server(const Context&);
std::unique_ptr<Client> make_external_client(const Credentials&, const Context&);

}  // namespace postroad::sasl
