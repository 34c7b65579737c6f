#include "server/shard/shard.h"
#include "gtest/gtest.h"
