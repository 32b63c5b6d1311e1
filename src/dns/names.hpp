// Domain names: which text may be queried, names on the wire, and the names under which addresses
// are found. Not here: IDNA (mail/address/idn.hpp); the caller gives A-labels.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <string_view>

namespace postroad::dns {

/// Whether `name` may be queried. RFC 1035 section 2.3.4, RFC 2181 section 11
///   name = label *( "." label ) [ "." ]
/// limits  a label has 1 to 63 bytes, a name 253 without the final dot. Bytes are printable ASCII
///         without the backslash, so that no escape reaches the resolver: SPF macros and DKIM make
///         names that are not host names.
/// Error: Fault::input with the name.
Result<void> check_name(std::string_view name);

/// The name of the PTR records of an address: `1.2.0.192.in-addr.arpa` (RFC 1035
/// section 3.5), 32 nibbles below `ip6.arpa` (RFC 3596 section 2.5). An IPv4 address mapped into
/// IPv6 counts as IPv4.
std::string reverse_name(const boost::asio::ip::address& address);

/// Takes one uncompressed name off the front of `bytes`. RFC 1035 section 3.1
///   name = *( length 1*63OCTET ) %x00
/// returns the name without a final dot; the root is ".". A dot or backslash inside a label and
///         bytes that are not printable ASCII are escaped (`\.`, `\DDD`, section 5.1), so that
///         check_name refuses the result; nullopt for a compression pointer, for a name longer
///         than 255 octets and for one that ends early.
std::optional<std::string> take_name(std::string_view& bytes);

}  // namespace postroad::dns
