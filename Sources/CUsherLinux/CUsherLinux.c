#include "CUsherLinux.h"
