application_droplet_id = "100000001"
database_droplet_id    = "100000002"
firewall_id            = "00000000-0000-0000-0000-000000000000"
bucket_name            = "raiox"
