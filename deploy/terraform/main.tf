# What exists already at DigitalOcean, taken into Terraform's sight without changing it (README.md). Each resource
# ignores every difference and can't be destroyed: it is written down here so that it can be looked up, and so that a
# line of `ignore_changes` can be narrowed on the day when Terraform is to manage it.
terraform {
  required_version = ">= 1.7"
  required_providers {
    digitalocean = {
      source  = "digitalocean/digitalocean"
      version = "~> 2.40"
    }
  }
}

# DIGITALOCEAN_TOKEN, SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY come from the environment: no secret in a file.
provider "digitalocean" {}

locals {
  droplets = {
    application = { id = var.application_droplet_id, name = var.application_name, size = var.application_size }
    database    = { id = var.database_droplet_id, name = var.database_name, size = var.database_size }
  }
}

import {
  for_each = local.droplets
  to       = digitalocean_droplet.server[each.key]
  id       = each.value.id
}

resource "digitalocean_droplet" "server" {
  for_each = local.droplets
  name     = each.value.name
  region   = var.region
  size     = each.value.size
  image    = var.image

  lifecycle {
    prevent_destroy = true
    ignore_changes  = all
  }
}

import {
  to = digitalocean_firewall.raiox
  id = var.firewall_id
}

resource "digitalocean_firewall" "raiox" {
  name = var.firewall_name

  inbound_rule {
    protocol         = "tcp"
    port_range       = "443"
    source_addresses = ["0.0.0.0/0", "::/0"]
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = all
  }
}

import {
  to = digitalocean_spaces_bucket.films
  id = "${var.bucket_region},${var.bucket_name}"
}

resource "digitalocean_spaces_bucket" "films" {
  name   = var.bucket_name
  region = var.bucket_region
  acl    = "private"

  lifecycle {
    prevent_destroy = true
    ignore_changes  = all
  }
}
