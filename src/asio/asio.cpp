// Asio's own code, compiled once for the whole program (BOOST_ASIO_SEPARATE_COMPILATION). A layer
// of its own, because both net and dns stand on it and neither on the other.
#include <boost/asio/impl/src.hpp>
